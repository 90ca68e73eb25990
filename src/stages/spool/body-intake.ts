/**
 * Takes one message body in one pass: encrypted storage, SHA-256 and MIME structure from the same bytes.
 * Promises: `finish` resolves only when the body is durable, or sure to be before its rows; after any failure nothing of the body
 * is kept, and the first error is the one every later call rejects with. Leaves to others: size limits, the rows, saying 250.
 */
import { createHash } from "node:crypto";
import type { BlobStore, BlobWriter, SealUntil } from "../../core/blob-store.ts";
import type { MimeStructure } from "../../core/mime-structure.ts";
import type { BodyIntake, StoredBody } from "../../core/stages.ts";

/** Walks the bytes as they pass; must not keep a chunk beyond the call. */
export interface StructureScanner {
  push(chunk: Uint8Array): void;
  end(): MimeStructure;
}

export type IntakeDeps = {
  readonly blobs: Pick<BlobStore, "create">;
  readonly createScanner: () => StructureScanner;
};

/** `() => openIntake(deps)` is core's OpenIntake. */
export function openIntake(deps: IntakeDeps): BodyIntake {
  return new OnePassIntake(deps.blobs.create(), deps.createScanner());
}

class OnePassIntake implements BodyIntake {
  readonly #blob: BlobWriter;
  readonly #scanner: StructureScanner;
  readonly #digest = createHash("sha256");
  #failure: unknown = null;
  #isFinished = false;

  constructor(blob: BlobWriter, scanner: StructureScanner) {
    this.#blob = blob;
    this.#scanner = scanner;
  }

  async write(chunk: Uint8Array): Promise<void> {
    await this.#orAbort(async () => {
      this.#digest.update(chunk);
      this.#scanner.push(chunk);
      await this.#blob.write(chunk);
    });
  }

  async finish(until: SealUntil = "durable"): Promise<StoredBody> {
    return await this.#orAbort(async () => {
      // The structure comes first: a scanner that fails must not leave a durable blob nobody refers to.
      const mime = this.#scanner.end();
      const body = await this.#blob.seal(until);
      this.#isFinished = true;
      return { body, sha256: this.#digest.digest("hex"), mime };
    });
  }

  async abort(): Promise<void> {
    this.#failure ??= new Error("the intake was aborted");
    await this.#blob.abort();
  }

  async #orAbort<T>(step: () => Promise<T>): Promise<T> {
    if (this.#failure !== null) throw this.#failure;
    if (this.#isFinished) throw new Error("the intake is finished");
    try {
      return await step();
    } catch (error) {
      this.#failure ??= error;
      await this.#blob.abort();
      throw this.#failure;
    }
  }
}
