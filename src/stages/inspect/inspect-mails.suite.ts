/** Mails and packs for the tests of this folder. */
import type { Clock } from "../../core/clock.ts";
import type { Findings } from "../../core/findings.ts";
import { Extraction } from "../../parts/extraction/extraction.ts";
import type { ExtractContent } from "../../parts/extraction/extraction-types.ts";
import type { CompiledPack } from "./compiled-pack.ts";
import { createInspect } from "./inspect.ts";
import { DEFAULT_INSPECT_OPTIONS } from "./inspect-options.ts";
import type { InspectOptions } from "./inspect-options.ts";
import { formatPackError, loadPack } from "./pack-file.ts";
import { scanBytes } from "./scan.ts";

export const TEST_PACK = `
version: 1
pack: test
detectors:
  - id: t.mrn
    type: label_id
    classes: [identifier]
    labels: [mrn, medical record number]
    side: both
    value: '[A-Z]{0,2}\\d{5,10}'
  - id: t.ssn
    type: validator
    validator: us_ssn
    classes: [identifier]
  - id: t.term
    type: dictionary
    classes: [health]
    weight: 3
    terms: [diabetes, type 2 diabetes, metformin, hypertension]
  - id: t.hiv
    type: dictionary
    classes: [health, sensitive]
    weight: 3
    terms: [hiv]
rules:
  - id: t.phi
    action: { protect: standard }
    when: { all: [{ class: identifier, min_confidence: 40 }, { class: health, within: 300 }] }
  - id: t.sensitive
    tier: high
    action: protect
    when: { all: [{ class: identifier }, { class: sensitive, within: 300 }] }
`;

export function packOf(text: string): CompiledPack {
  const loading = loadPack(text, "test.yaml");
  if (!loading.ok) throw new Error(loading.errors.map(formatPackError).join("\n"));
  return loading.pack;
}

export const stillClock: Clock = { now: () => 0, monotonic: () => 0 };

export type Setting = {
  readonly options?: Partial<InspectOptions>;
  readonly pack?: string;
  readonly clock?: Clock;
  readonly extract?: ExtractContent;
};

/** Inspects a mail given as lines; latin1, so that bytes can be written as characters. */
export function inspectMail(lines: readonly string[], setting: Setting = {}): Promise<Findings> {
  const options = { ...DEFAULT_INSPECT_OPTIONS, ...setting.options };
  const packs = [packOf(setting.pack ?? TEST_PACK)];
  const inspect = createInspect(options, {
    packs,
    hashKey: new Uint8Array(32),
    clock: setting.clock ?? stillClock,
    ...(setting.extract !== undefined && { extract: setting.extract }),
  });
  return scanBytes(Buffer.from(lines.join("\r\n"), "latin1"), "mail.eml", inspect);
}

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

/** Real reader processes; the test closes them. */
export function startReaders(options: Partial<ConstructorParameters<typeof Extraction>[0]> = {}): Extraction {
  return new Extraction(
    { readersMax: 2, readerMemoryBytesMax: 384 * 1024 * 1024, pictures: null, ...options },
    { log: silent, clock: { monotonic: () => performance.now() } },
  );
}

export const unreadOf = ({ uninspectable }: Findings): readonly string[] =>
  uninspectable.map(({ part, reason }) => `${part}: ${reason}`);

export const base64 = (text: string | Buffer): string => Buffer.from(text).toString("base64");

/** A multipart/mixed mail of parts given as header lines, blank line, body lines. */
export function mixed(parts: readonly (readonly string[])[], type = "multipart/mixed"): readonly string[] {
  const header = ["From: a@example.org", "Subject: papers", `Content-Type: ${type}; boundary=b0`, ""];
  return [...header, ...parts.flatMap((part) => ["--b0", ...part]), "--b0--", ""];
}
