import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ExtendedGcm } from "./extended-gcm.ts";
import { FieldSealer } from "./field-sealer.ts";
import { SealBrokenError } from "./key-errors.ts";
import { KeyRing } from "./key-ring.ts";

const kek = randomBytes(32);
const ring = new KeyRing({ addresses: { name: "keys.addresses", bytes: kek } });
const sealer = new FieldSealer(ring);

describe("XAES-256-GCM", () => {
  test.each([
    [1, "", "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271"],
    [3, "c2sp.org/XAES-256-GCM", "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d"],
  ])("gives the published answer for the key of %d bytes", (byte, associated, expected) => {
    const cipher = new ExtendedGcm(Buffer.alloc(32, byte));
    const nonce = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWX");
    const sealed = cipher.seal(Buffer.from("XAES-256-GCM"), Buffer.from(associated), nonce);
    expect(sealed.subarray(24).toString("hex")).toBe(expected);
    expect(cipher.open(sealed, Buffer.from(associated)).toString()).toBe("XAES-256-GCM");
  });

  test("refuses a key of another length", () => {
    expect(() => new ExtendedGcm(randomBytes(16))).toThrow("32 bytes");
  });
});

describe("a sealed field", () => {
  test("opens to any text it was made of, in its own place only", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), (text, context) => {
        const wellFormed = text.toWellFormed();
        const sealed = sealer.seal(wellFormed, context);
        expect(sealer.open(sealed, context)).toBe(wellFormed);
        expect(() => sealer.open(sealed, `${context}x`)).toThrow(SealBrokenError);
      }),
    );
  });

  test("shows nothing of the text and looks different each time", () => {
    const [a, b] = [sealer.seal("canary@example.org", "x"), sealer.seal("canary@example.org", "x")];
    expect(a).not.toBe(b);
    expect(Buffer.from(a.split(".")[2] ?? "", "base64url").includes("canary")).toBe(false);
  });

  test("that was altered in any character is refused, and the error shows nothing of it", () => {
    const sealed = sealer.seal("canary", "recipient.address");
    for (let at = 0; at < sealed.length; at += 1) {
      const other = sealed[at] === "A" ? "B" : "A";
      const altered = `${sealed.slice(0, at)}${other}${sealed.slice(at + 1)}`;
      // The last character carries unused bits, which base64 ignores.
      if (at === sealed.length - 1 && sameBytes(altered, sealed)) continue;
      expect(() => sealer.open(altered, "recipient.address"), `character ${at}`).toThrow(SealBrokenError);
    }
    expect(() => sealer.open("canary", "x")).toThrow(expect.not.stringContaining("canary") as string);
  });

  test("under another key names the keys by id", () => {
    const other = new FieldSealer(new KeyRing({ addresses: { name: "k", bytes: randomBytes(32) } }));
    expect(() => sealer.open(other.seal("a", "x"), "x")).toThrow(/needs the addresses key [0-9a-f]{16}/);
  });
});

function sameBytes(a: string, b: string): boolean {
  const bytes = (text: string): string => Buffer.from(text.split(".")[2] ?? "", "base64url").toString("hex");
  return bytes(a) === bytes(b);
}

describe("the look-up hash", () => {
  test("is the same for the same text, other for another text or key, and 32 hex characters", () => {
    expect(sealer.index("a@example.org")).toBe(new FieldSealer(ring).index("a@example.org"));
    expect(sealer.index("a@example.org")).toMatch(/^[0-9a-f]{32}$/);
    expect(sealer.index("a@example.org")).not.toBe(sealer.index("b@example.org"));
    const other = new FieldSealer(new KeyRing({ addresses: { name: "k", bytes: randomBytes(32) } }));
    expect(other.index("a@example.org")).not.toBe(sealer.index("a@example.org"));
  });

  test("uses a key of its own, made as documented", () => {
    const key = Buffer.from(hkdfSync("sha256", kek, Buffer.alloc(0), "postern field index v1", 32));
    expect(sealer.index("x")).toBe(createHmac("sha256", key).update("x").digest("hex").slice(0, 32));
    expect(ring.derive("addresses", "postern field encryption v1")).not.toEqual(key);
  });
});
