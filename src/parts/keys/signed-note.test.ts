import { createPrivateKey, generateKeyPairSync, randomBytes } from "node:crypto";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isVerifier, notesIn, NoteSigner, NoteVerifiers, readSigningKey, textOfNote } from "./signed-note.ts";

const SEED = Buffer.from("00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff", "hex");

function signer(name = "gateway.example.org/audit", seed: Uint8Array = SEED): NoteSigner {
  const key = readSigningKey(seed);
  if (key === null) throw new Error("no key");
  return new NoteSigner(name, key);
}

describe("the published example of the format", () => {
  const VERIFIER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
  const TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
  const NOTE = `${TEXT}\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n`;

  test("is valid under its key, unknown without it, forged when its text was changed", () => {
    expect(new NoteVerifiers([VERIFIER]).check(NOTE)).toBe("valid");
    expect(textOfNote(NOTE)).toBe(TEXT);
    expect(new NoteVerifiers([signer().verifier]).check(NOTE)).toBe("unknown");
    expect(new NoteVerifiers([VERIFIER]).check(NOTE.replace("answer", "Answer"))).toBe("forged");
  });

  test("a verifier line with another id, name or type is none", () => {
    expect(isVerifier(VERIFIER)).toBe(true);
    for (const wrong of [
      VERIFIER.replace("c74f", "c74e"),
      VERIFIER.replace("Peter", "Petra"),
      VERIFIER.replace("+AR", "+Ah"),
      "",
      "a+b+c",
    ]) {
      expect(isVerifier(wrong)).toBe(false);
    }
    expect(() => new NoteVerifiers(["nonsense"])).toThrow("not a verifier line");
  });
});

test("no byte of a note can be changed without being noticed", () => {
  const { verifier } = signer();
  const note = signer().sign("origin\n7\ncm9vdA==\n");
  const verifiers = new NoteVerifiers([verifier]);
  expect(verifiers.check(note)).toBe("valid");
  fc.assert(
    fc.property(fc.nat(note.length - 1), fc.constantFrom("A", "b", "3", "\n", " "), (place, character) => {
      fc.pre(note[place] !== character);
      // The last character but one of base64 may carry unused bits: those are no part of the signature.
      fc.pre(place < note.length - 5);
      const changed = note.slice(0, place) + character + note.slice(place + 1);
      expect(verifiers.check(changed)).not.toBe("valid");
    }),
    { numRuns: 300 },
  );
});

test("a key is read as PEM and as a seed in every writing, and nothing else is", () => {
  const pem = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  expect(readSigningKey(Buffer.from(pem))?.asymmetricKeyType).toBe("ed25519");
  const { verifier } = signer();
  for (const writing of [`${SEED.toString("hex")}\n`, SEED.toString("base64"), SEED]) {
    expect(signer("gateway.example.org/audit", Buffer.from(writing)).verifier).toBe(verifier);
  }
  const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" });
  for (const wrong of [
    Buffer.from(rsa),
    Buffer.alloc(32),
    randomBytes(31),
    Buffer.from("-----BEGIN"),
    Buffer.alloc(0),
  ]) {
    expect(readSigningKey(wrong)).toBeNull();
  }
  expect(() => createPrivateKey(pem)).not.toThrow();
});

test("notes written one after the other are found again, whatever stands around them", () => {
  const [a, b] = [signer().sign("o\n1\nx\n"), signer().sign("o\n2\ny\n")];
  expect(notesIn(`${a}\n${b}`)).toEqual([a, b]);
  expect(notesIn(`${a}${b}`)).toEqual([a, b]);
  expect(notesIn(`\n\n${a}\n\n\n${b}\n`)).toEqual([a, b]);
  expect(notesIn("no note\n\nat all\n")).toEqual([]);
});
