/** The audit section of postern.yaml: the key that signs, earlier keys, and where things go. */
import { NoteSigner, isVerifier, readSigningKey } from "../keys/signed-note.ts";
import { absolutePath, readSecret } from "./config-files.ts";
import type { Files } from "./config-files.ts";
import type { ConfigText } from "./config-schema.ts";
import { resolveReference, Secret } from "./secret.ts";

export type AuditConfig = {
  /** null: nothing is signed. */
  readonly key: Secret | null;
  /** Name of the key in signatures: `<hostname>/audit`. */
  readonly keyName: string;
  /** Verifier lines of keys used before. */
  readonly previousKeys: readonly string[];
  readonly checkpointMinutes: number;
  readonly checkpointRows: number;
  /** Absolute; null: checkpoints go to the log alone. */
  readonly checkpointFile: string | null;
  /** 0: nothing is removed. */
  readonly retentionDays: number;
  /** Absolute; null: removed rows are kept nowhere. */
  readonly archiveDir: string | null;
};

const MAKE_KEY = "make one with: openssl rand -hex 32";

export function readAudit(text: ConfigText, hostname: string, files: Files): AuditConfig {
  const { audit } = text;
  return {
    key: readAuditKey(text, files),
    keyName: `${hostname}/audit`,
    previousKeys: readPreviousKeys(text, files),
    checkpointMinutes: audit.checkpoint_minutes,
    checkpointRows: audit.checkpoint_rows,
    checkpointFile: audit.checkpoint_file === undefined ? null : absolutePath(audit.checkpoint_file, files),
    retentionDays: audit.retention_days,
    archiveDir: audit.archive_dir === undefined ? null : absolutePath(audit.archive_dir, files),
  };
}

/** The signer of a configuration; null without a key. */
export function noteSignerOf({ key, keyName }: Pick<AuditConfig, "key" | "keyName">): NoteSigner | null {
  const privateKey = key === null ? null : readSigningKey(key.bytes());
  return privateKey === null ? null : new NoteSigner(keyName, privateKey);
}

function readAuditKey({ keys }: ConfigText, files: Files): Secret | null {
  const { report } = files;
  if (keys.audit === undefined) {
    report.warn(["keys"], `has no key audit: the audit is not signed and nothing of it is ever removed; ${MAKE_KEY}`);
    return null;
  }
  const secret = readSecret(keys.audit, ["keys", "audit"], files);
  const bytes = secret.bytes();
  if (bytes.length === 0) return null;
  if (readSigningKey(bytes) === null) {
    report.error(["keys", "audit"], `is neither an Ed25519 key in PEM nor a seed of 32 bytes; ${MAKE_KEY}`);
    return null;
  }
  for (const role of ["spool", "addresses"] as const) {
    const other = resolveReference(keys[role], files);
    if (other.ok && isSameSeed(other.bytes, bytes))
      report.error(["keys", "audit"], `is the same as keys.${role}; make one for each`);
  }
  return secret;
}

function isSameSeed(a: Buffer, b: Buffer): boolean {
  const [one, two] = [readSigningKey(a), readSigningKey(b)];
  return one !== null && two !== null && one.equals(two);
}

function readPreviousKeys({ audit }: ConfigText, { report }: Files): readonly string[] {
  return audit.previous_keys.filter((line, i) => {
    if (isVerifier(line)) return true;
    report.error(["audit", "previous_keys", i], "is no verifier line, as `postern audit key show` prints it");
    return false;
  });
}
