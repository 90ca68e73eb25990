import { randomBytes } from "node:crypto";
import { beforeEach, describe, expect, test } from "vitest";
import type { Task } from "../../core/spare-time.ts";
import { KeyRing, wrappingKeyId } from "../keys/key-ring.ts";
import { BodyKeys, keyContext } from "./body-keys.ts";
import type { BodyKey } from "./body-keys.ts";

const old = { name: "keys.spool", bytes: randomBytes(32) };

let ring: KeyRing;
let later: Task[];
let keys: BodyKeys;

function catchUp(): void {
  for (const task of later.splice(0)) task();
}

function opened(taken: BodyKey): Buffer {
  return ring.unwrap("spool", keys.wrapped(taken), keyContext(taken.blobId));
}

beforeEach(() => {
  ring = new KeyRing({ spool: old });
  later = [];
  keys = new BodyKeys(ring, (task) => later.push(task));
});

describe("keys of bodies", () => {
  test("each is given out once, whether made ready ahead or not, and opens by its wrapped form", () => {
    const taken: BodyKey[] = [];
    for (const isAhead of [false, true, false, false, true, true]) {
      if (isAhead) catchUp();
      taken.push(keys.take());
    }
    expect(new Set(taken.map(({ blobId }) => blobId)).size).toBe(taken.length);
    expect(new Set(taken.map(({ key }) => key.toString("hex"))).size).toBe(taken.length);
    for (const each of taken) expect(opened(each)).toEqual(each.key);
  });

  test("made ready before another key came in force: wrapped by the one in force when the body is stored", () => {
    keys.take();
    catchUp();
    const present = { name: "keys.spool", bytes: randomBytes(32) };
    ring.replace({ spool: present, previous: { spool: [old] } });
    const ready = keys.take();
    expect(wrappingKeyId(keys.wrapped(ready))).toBe(ring.id("spool"));
    expect(opened(ready)).toEqual(ready.key);
  });
});
