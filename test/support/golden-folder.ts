/**
 * A golden folder as it lies on disk: message, policy, world and what is expected. Strict, because a misspelt key that is
 * ignored makes a test that proves less than it says. test/golden/README.md tells what each file means.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse as parseYaml } from "yaml";
import { z } from "zod";
import { CERTIFICATE_KINDS } from "../../src/cli/loopback/internet.ts";
import type { ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import type { MxBehaviour } from "../../src/cli/loopback/mx-behaviour.ts";

const FOLDER_NAME = /^[0-9]{3}-[a-z0-9]+(?:-[a-z0-9]+)*$/;
const FILES = ["README.md", "expected.json", "message.eml", "policy.yaml", "world.json"];
const OPTIONAL_FILES = ["pack.yaml"];
const README_CHARS_MIN = 80;

const fault = z.union([
  z.strictObject({ kind: z.enum(["reply", "extra"]), text: z.string() }),
  z.strictObject({ kind: z.enum(["drop-before", "drop-after", "stall", "silent"]) }),
]);
const phase = z.enum([
  "connect",
  "ehlo",
  "helo",
  "starttls",
  "handshake",
  "ehlo2",
  "mail",
  "rcpt",
  "data",
  "body",
  "dot",
  "rset",
  "quit",
]);
const behaviour = z.strictObject({
  banner: z.string().optional(),
  extensions: z.array(z.string()).optional(),
  tlsExtensions: z.array(z.string()).optional(),
  starttls: z.enum(["offer", "strip"]).optional(),
  greylist: z.boolean().optional(),
  refuseAll: z.string().optional(),
  recipients: z.record(z.string(), z.string()).optional(),
  faults: z.partialRecord(phase, fault).optional(),
});

const misbehaviour = z.enum(["servfail", "bogus", "refused", "drop", "nxdomain", "truncate", "garbage"]);
const zoneEntry = z.strictObject({
  A: z.array(z.string()).optional(),
  AAAA: z.array(z.string()).optional(),
  CNAME: z.string().optional(),
  MX: z.array(z.tuple([z.int(), z.string()])).optional(),
  authenticated: z.boolean().optional(),
  behaviour: z.union([misbehaviour, z.partialRecord(z.enum(["A", "AAAA", "MX"]), misbehaviour)]).optional(),
});

const step = z.union([
  /** Moves the gateway's clock. */
  z.strictObject({ advance_minutes: z.number().positive() }),
  z.strictObject({ set_behaviour: z.record(z.string(), behaviour) }),
  /** null takes the name away. */
  z.strictObject({ set_dns: z.record(z.string(), zoneEntry.nullable()) }),
  /** What `postern queue retry|hold|release|drop` does, to all recipients of the message. */
  z.strictObject({ operator: z.enum(["retry", "hold", "release", "drop"]) }),
  /** What `postern quarantine release|refuse` does. */
  z.strictObject({ reviewer: z.enum(["release", "refuse"]) }),
]);

const recipient = z.union([z.string(), z.strictObject({ address: z.string(), parameters: z.string() })]);

const worldSchema = z.strictObject({
  /** Texts of the message that must appear in no log line, audit row or report, and in the clear only where the floor allows it. */
  canaries: z.array(z.string().min(8)).min(1),
  envelope: z.strictObject({ from: z.string(), parameters: z.string().optional(), to: z.array(recipient).min(1) }),
  zone: z.record(z.string(), zoneEntry),
  servers: z.record(
    z.string(),
    z.strictObject({
      address: z.string().regex(/^127\.0\.0\.[0-9]+$/),
      certificate: z.enum(CERTIFICATE_KINDS),
      behaviour: behaviour.optional(),
    }),
  ),
  script: z.array(step).optional(),
});

export type GoldenWorld = z.infer<typeof worldSchema>;
export type GoldenStep = z.infer<typeof step>;

export type GoldenCase = {
  readonly name: string;
  readonly folder: string;
  /** With CRLF line ends. */
  readonly message: Buffer;
  /** Laid over the gateway's configuration. */
  readonly policy: Readonly<Record<string, unknown>>;
  readonly world: GoldenWorld;
  /** A rule pack of the case's own, used beside the shipped one. */
  readonly pack: string | null;
  /** null where there is none yet. */
  readonly expected: unknown;
};

export function goldenNames(root: string): readonly string[] {
  return readdirSync(root, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .toSorted();
}

/** Throws where a file is missing, unknown or not as it should be. */
export function readGolden(root: string, name: string): GoldenCase {
  if (!FOLDER_NAME.test(name)) throw new Error(`${name}: a golden folder is named 001-what-it-shows`);
  const folder = join(root, name);
  checkFiles(folder, name);
  const read = (file: string): string => readFileSync(join(folder, file), "utf8");
  if (read("README.md").trim().length < README_CHARS_MIN) throw new Error(`${name}: README.md says too little`);
  const expectedPath = join(folder, "expected.json");
  return {
    name,
    folder,
    message: toCrlf(readFileSync(join(folder, "message.eml"))),
    policy: readPolicy(read("policy.yaml"), name),
    world: readWorld(JSON.parse(read("world.json")), name),
    pack: existsSync(join(folder, "pack.yaml")) ? join(folder, "pack.yaml") : null,
    expected: existsSync(expectedPath) ? JSON.parse(readFileSync(expectedPath, "utf8")) : null,
  };
}

function checkFiles(folder: string, name: string): void {
  const present = readdirSync(folder);
  const missing = FILES.filter((file) => file !== "expected.json" && !present.includes(file));
  const unknown = present.filter((file) => !FILES.includes(file) && !OPTIONAL_FILES.includes(file));
  if (missing.length > 0) throw new Error(`${name}: ${missing.join(", ")} is missing`);
  if (unknown.length > 0) throw new Error(`${name}: nobody reads ${unknown.join(", ")}`);
}

/** Keys the gateway does not know are refused when it loads its configuration. */
function readPolicy(text: string, name: string): Readonly<Record<string, unknown>> {
  const value: unknown = parseYaml(text) ?? {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new Error(`${name}: policy.yaml is no mapping`);
  }
  return value as Readonly<Record<string, unknown>>;
}

export function readWorld(value: unknown, name: string): GoldenWorld {
  const parsed = worldSchema.safeParse(value);
  if (!parsed.success) throw new Error(`${name}: world.json: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

/** Git keeps LF; SMTP wants CRLF. Bytes beyond ASCII stay as they are. */
function toCrlf(bytes: Buffer): Buffer {
  return Buffer.from(bytes.toString("latin1").replaceAll(/\r?\n/g, "\r\n"), "latin1");
}

/** The mail server of the sender's own domain, where reports arrive; a world may bring its own. */
const SENDER_SERVER = { name: "mx.clinic.test", address: "127.0.0.9", certificate: "valid" } as const;
const SENDER_ZONE = { "clinic.test": { MX: [[10, SENDER_SERVER.name]] as const } };

export function internetOf({ zone, servers }: GoldenWorld): {
  readonly zone: Readonly<Record<string, ZoneEntry>>;
  readonly servers: readonly ServerDescription[];
} {
  const given = Object.entries(servers).map(([name, server]): ServerDescription => {
    const { address, certificate } = server;
    const own = server.behaviour;
    return { name, address, certificate, ...(own === undefined ? {} : { behaviour: own as MxBehaviour }) };
  });
  const own = SENDER_SERVER.name in servers ? [] : [SENDER_SERVER];
  return { zone: { ...SENDER_ZONE, ...(zone as Readonly<Record<string, ZoneEntry>>) }, servers: [...given, ...own] };
}
