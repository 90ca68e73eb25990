import { expect, test } from "vitest";
import type { BlobRef } from "../../core/blob-store.ts";
import { reapEnded } from "./reap.ts";

function body(locator: string): BlobRef {
  return { locator, sizeBytes: 1, wrappedKey: "" };
}

test("everything that ended long ago is forgotten, however much piled up", async () => {
  const old = Array.from({ length: 7 }, (_, n) => body(`old-${n}`));
  const released: string[] = [];
  await reapEnded(
    { endedBefore: 10, portionMax: 3 },
    {
      store: { reap: async (endedBefore, limit) => (endedBefore === 10 ? old.splice(0, limit) : []) },
      blobs: { release: async (refs) => void released.push(...refs.map(({ locator }) => locator)) },
      signal: new AbortController().signal,
    },
  );
  expect(old).toEqual([]);
  expect(released).toHaveLength(7);
});

test("a stop ends it after the portion under way, whose bodies are still released", async () => {
  const stop = new AbortController();
  const released: string[] = [];
  await reapEnded(
    { endedBefore: 10, portionMax: 3 },
    {
      store: {
        reap: async () => {
          stop.abort();
          return [body("last")];
        },
      },
      blobs: { release: async (refs) => void released.push(...refs.map(({ locator }) => locator)) },
      signal: stop.signal,
    },
  );
  expect(released).toEqual(["last"]);
});
