/** What passes between the service and its inspection thread. Types only. */
import type { Findings } from "../../core/findings.ts";
import type { MimeStructure } from "../../core/mime-structure.ts";
import type { Extracted, ExtractionRequest } from "../../parts/extraction/extraction-types.ts";
import type { SharedIndex } from "../../parts/edm/edm-file.ts";
import type { CompiledRule } from "./compiled-pack.ts";
import type { InspectOptions } from "./inspect-options.ts";
import type { PackSource } from "./pack-source.ts";

export type ThreadArguments = {
  /** Files are read and tested; sources were, by a thread before. */
  readonly packs:
    | { readonly kind: "files"; readonly paths: readonly string[] }
    | { readonly kind: "sources"; readonly sources: readonly PackSource[] };
  readonly options: InspectOptions;
  readonly hashKey: Uint8Array;
  /** By the name packs give them; the memory is shared, not copied. */
  readonly indexes?: ReadonlyMap<string, SharedIndex>;
};

/** What the service needs to know of a pack. */
export type LoadedPack = {
  readonly id: string;
  readonly source: PackSource;
  /** Files of the packs it extends, the nearest first. */
  readonly bases: readonly string[];
  readonly rules: readonly Pick<CompiledRule, "id" | "status" | "also">[];
};

export type ToThread =
  /** With its bytes where they are handed over at once, else null: the thread asks for them. */
  | { readonly kind: "inspect"; readonly id: number; readonly mime: MimeStructure; readonly bytes: Uint8Array | null }
  /** Answers a read; null where the store could not. */
  | { readonly kind: "bytes"; readonly read: number; readonly bytes: Uint8Array | null }
  /** Whether its event loop goes on. */
  | { readonly kind: "ping" }
  /** Answers an extraction. */
  | ({ readonly kind: "extracted"; readonly call: number } & Extracted);

export type FromThread =
  /** Comes first, or `refused` does and nothing else. */
  | { readonly kind: "loaded"; readonly packs: readonly LoadedPack[] }
  /** As operators read them. */
  | { readonly kind: "refused"; readonly errors: readonly string[] }
  | { readonly kind: "read"; readonly id: number; readonly read: number; readonly start: number; readonly end: number }
  | { readonly kind: "pong" }
  /** The reader processes belong to the service. */
  | { readonly kind: "extract"; readonly call: number; readonly request: ExtractionRequest }
  | { readonly kind: "done"; readonly id: number; readonly findings: Findings }
  /** The store could not give what was read, or the engine has a fault. */
  | { readonly kind: "failed"; readonly id: number };
