import { createHash, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import type { BlobWriter } from "../../core/blob-store.ts";
import type { MimeStructure } from "../../core/mime-structure.ts";
import { openIntake } from "./body-intake.ts";

const REF = { locator: "place", sizeBytes: 0, wrappedKey: "key" };

/** A blob writer that keeps what it gets and fails where it is told to. */
function blobs(failing?: "write" | "seal") {
  const chunks: Buffer[] = [];
  const calls: string[] = [];
  const note = (call: string): void => {
    calls.push(call);
    if (call === failing) throw new Error(`${call} failed`);
  };
  const writer: BlobWriter = {
    write: async (chunk) => {
      note("write");
      chunks.push(Buffer.from(chunk));
    },
    seal: async () => {
      note("seal");
      return { ...REF, sizeBytes: Buffer.concat(chunks).length };
    },
    abort: async () => note("abort"),
  };
  return { store: { create: () => writer }, chunks, calls };
}

/** Counts bytes and fails where it is told to. */
function scanner(failing?: "push" | "end") {
  let sizeBytes = 0;
  return () => ({
    push(chunk: Uint8Array): void {
      if (failing === "push") throw new Error("push failed");
      sizeBytes += chunk.length;
    },
    end(): MimeStructure {
      if (failing === "end") throw new Error("end failed");
      return { sizeBytes } as MimeStructure;
    },
  });
}

describe("a body that arrives in pieces", () => {
  test("is stored, hashed and scanned in one pass", async () => {
    const body = randomBytes(100_000);
    const { store, chunks, calls } = blobs();
    const intake = openIntake({ blobs: store, createScanner: scanner() });
    for (let at = 0; at < body.length; at += 999) await intake.write(body.subarray(at, at + 999));
    expect(await intake.finish()).toEqual({
      body: { ...REF, sizeBytes: 100_000 },
      sha256: createHash("sha256").update(body).digest("hex"),
      mime: { sizeBytes: 100_000 },
    });
    expect(Buffer.concat(chunks).equals(body)).toBe(true);
    expect(calls).not.toContain("abort");
  });
});

describe("the blob is aborted, and every later call rejects with the first error,", () => {
  test.each([
    ["when the store fails to write", blobs("write"), scanner(), "write failed"],
    ["when the store fails to seal", blobs("seal"), scanner(), "seal failed"],
    ["when the scanner fails on a piece", blobs(), scanner("push"), "push failed"],
    ["when the scanner fails at the end", blobs(), scanner("end"), "end failed"],
  ])("%s", async (_name, { store, calls }, createScanner, message) => {
    const intake = openIntake({ blobs: store, createScanner });
    const arrival = async (): Promise<void> => {
      await intake.write(randomBytes(10));
      await intake.finish();
    };
    await expect(arrival()).rejects.toThrow(message);
    expect(calls.at(-1)).toBe("abort");
    await expect(intake.write(randomBytes(10))).rejects.toThrow(message);
    await expect(intake.finish()).rejects.toThrow(message);
  });

  test("when the caller aborts, also twice", async () => {
    const { store, calls } = blobs();
    const intake = openIntake({ blobs: store, createScanner: scanner() });
    await intake.write(randomBytes(10));
    await intake.abort();
    await intake.abort();
    expect(calls).toContain("abort");
    await expect(intake.finish()).rejects.toThrow("aborted");
    expect(calls).not.toContain("seal");
  });
});

test("a body is not sealed when its structure could not be told", async () => {
  const { store, calls } = blobs();
  const intake = openIntake({ blobs: store, createScanner: scanner("end") });
  await expect(intake.finish()).rejects.toThrow("end failed");
  expect(calls).toEqual(["abort"]);
});

test("a finished intake takes nothing more", async () => {
  const intake = openIntake({ blobs: blobs().store, createScanner: scanner() });
  await intake.finish();
  await expect(intake.write(randomBytes(1))).rejects.toThrow("finished");
  await expect(intake.finish()).rejects.toThrow("finished");
});
