import { randomBytes } from "node:crypto";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { ControlError } from "./control-protocol.ts";
import { CLAIM_MODE, entryNameOf, ProofFolder } from "./proof.ts";

const call = { method: "queue.drop", body: '{"ids":["A"]}' };
let base: string;
let folder: string;
let now: number;
let proof: ProofFolder;
const connection = {};

beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), "postern-proof-"));
  folder = join(base, "control.sock.proof");
  now = 0;
  proof = new ProofFolder(folder, null, { monotonic: () => now });
});

afterEach(() => rmSync(base, { recursive: true, force: true }));

function entryFor(challenge: string, asked: typeof call = call): string {
  return join(folder, entryNameOf({ challenge, ...asked }) ?? "");
}

function answer(path: string): void {
  mkdirSync(path);
  chmodSync(path, CLAIM_MODE);
}

function outcome(asked: typeof call = call, on: object = connection): number | string {
  try {
    return proof.redeem(on, asked);
  } catch (error) {
    if (error instanceof ControlError) return `${error.code} ${error.detail}`;
    throw error;
  }
}

test("the owner of the entry is who asks, and the entry is gone afterwards", () => {
  answer(entryFor(proof.issue(connection)));
  expect(outcome()).toBe(process.getuid?.());
  expect(readdirSync(folder)).toEqual([]);
});

test("the folder is the service's alone, sticky and unlistable where a group is let in", () => {
  expect(lstatSync(folder).mode & 0o7777).toBe(0o700);
  const gid = process.getgid?.() ?? 0;
  const open = new ProofFolder(folder, gid, { monotonic: () => now });
  expect(lstatSync(folder)).toMatchObject({ gid, mode: 0o41730 });
  answer(entryFor(open.issue(connection)));
  expect(open.redeem(connection, call)).toBe(process.getuid?.());
});

test.each<[string, (path: string) => void]>([
  ["nothing at all", () => {}],
  ["a file", (path) => writeFileSync(path, "", { mode: 0o700 })],
  ["a symbolic link to a folder of ours", (path) => symlinkSync(base, path)],
  ["a folder as anybody makes it", (path) => mkdirSync(path)],
  [
    "a folder others may write to, as one moved in from elsewhere may be",
    (path) => (mkdirSync(path), chmodSync(path, 0o1770)),
  ],
  ["a folder that is not empty", (path) => (answer(path), writeFileSync(join(path, "x"), ""))],
])("%s proves nothing", (_, forge) => {
  const path = entryFor(proof.issue(connection));
  forge(path);
  expect(outcome()).toMatch(/^PST-CTL-012 /);
});

test("an entry is good once", () => {
  const challenge = proof.issue(connection);
  answer(entryFor(challenge));
  expect(outcome()).toBe(process.getuid?.());
  answer(entryFor(challenge));
  expect(outcome()).toBe("PST-CTL-012 no challenge was asked for on this connection");
});

test("a wrong answer uses the challenge up", () => {
  const path = entryFor(proof.issue(connection));
  expect(outcome()).toMatch(/no answer/);
  answer(path);
  expect(outcome()).toMatch(/no challenge was asked for/);
});

test("a challenge belongs to its connection: whoever learned of the entry can do nothing with it", () => {
  answer(entryFor(proof.issue(connection)));
  const other = {};
  expect(outcome(call, other)).toMatch(/no challenge was asked for/);
  proof.issue(other);
  expect(outcome(call, other)).toMatch(/no answer/);
  expect(outcome()).toBe(process.getuid?.());
});

test.each([
  ["method", { ...call, method: "quarantine.release" }],
  ["body", { ...call, body: '{"ids":["B"]}' }],
])("an entry proves its own %s only", (_, other) => {
  const path = entryFor(proof.issue(connection));
  answer(path);
  expect(outcome(other)).toMatch(/no answer/);
  expect(existsSync(path)).toBe(true);
});

test("a challenge expires", () => {
  answer(entryFor(proof.issue(connection)));
  now += 5_001;
  expect(outcome()).toMatch(/expired/);
});

test("challenges are long and never the same; what is none makes no name", () => {
  const issued = Array.from({ length: 100 }, () => proof.issue(connection));
  expect(new Set(issued).size).toBe(100);
  expect(issued.every((challenge) => /^[0-9a-f]{64}$/.test(challenge))).toBe(true);
  expect(
    ["", "../../etc", randomBytes(31).toString("hex")].map((challenge) => entryNameOf({ challenge, ...call })),
  ).toEqual([null, null, null]);
});

test("a start removes what was left behind, and does not take over what is not a folder of ours", () => {
  answer(join(folder, "left"));
  const again = new ProofFolder(folder, null, { monotonic: () => now });
  expect(readdirSync(folder)).toEqual([]);
  expect(again).toBeInstanceOf(ProofFolder);
  rmSync(folder, { recursive: true });
  symlinkSync(base, folder);
  expect(() => new ProofFolder(folder, null, { monotonic: () => now })).toThrow(/PST-CTL-008/);
});
