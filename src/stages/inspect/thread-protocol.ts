/** What passes between the service and its inspection thread. Types only. */
import type { Findings } from "../../core/findings.ts";
import type { MimeStructure } from "../../core/mime-structure.ts";
import type { Extracted, ExtractionRequest } from "../../parts/extraction/extraction-types.ts";
import type { SharedIndex } from "../../parts/edm/edm-file.ts";
import type { InspectOptions } from "./inspect-options.ts";
import type { PackSource } from "./pack-source.ts";

export type ThreadArguments = {
  readonly packs: readonly PackSource[];
  readonly options: InspectOptions;
  readonly hashKey: Uint8Array;
  /** By the name packs give them; the memory is shared, not copied. */
  readonly indexes?: ReadonlyMap<string, SharedIndex>;
};

export type ToThread =
  /** With its bytes where they are handed over at once, else null: the thread asks for them. */
  | { readonly kind: "inspect"; readonly id: number; readonly mime: MimeStructure; readonly bytes: Uint8Array | null }
  /** Answers a read; null where the store could not. */
  | { readonly kind: "bytes"; readonly read: number; readonly bytes: Uint8Array | null }
  /** Answers an extraction. */
  | ({ readonly kind: "extracted"; readonly call: number } & Extracted);

export type FromThread =
  | { readonly kind: "read"; readonly id: number; readonly read: number; readonly start: number; readonly end: number }
  /** The reader processes belong to the service. */
  | { readonly kind: "extract"; readonly call: number; readonly request: ExtractionRequest }
  | { readonly kind: "done"; readonly id: number; readonly findings: Findings }
  /** The store could not give what was read, or the engine has a fault. */
  | { readonly kind: "failed"; readonly id: number };
