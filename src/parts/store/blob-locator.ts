/**
 * Where a blob lies, as text for the queue's rows: `seg:<segment>:<offset>:<blob id>` or `file:<blob id>`.
 * Promises: a locator that parses names a file inside the store's own directories and nothing else.
 */
import { join } from "node:path";

export type SegmentLocator = {
  readonly kind: "segment";
  readonly segment: string;
  readonly offset: number;
  readonly blobId: string;
};
export type FileLocator = { readonly kind: "file"; readonly blobId: string };
export type Locator = SegmentLocator | FileLocator;

const SEGMENT = /^seg:([0-9a-f]{16}):(0|[1-9][0-9]{0,14}):([0-9a-f]{32})$/;
const FILE = /^file:([0-9a-f]{32})$/;

/** null for a text that is no locator of this store. */
export function parseLocator(text: string): Locator | null {
  const file = FILE.exec(text);
  if (file !== null) return { kind: "file", blobId: file[1] ?? "" };
  const match = SEGMENT.exec(text);
  if (match === null) return null;
  return { kind: "segment", segment: match[1] ?? "", offset: Number(match[2]), blobId: match[3] ?? "" };
}

export function formatLocator(locator: Locator): string {
  return locator.kind === "file"
    ? `file:${locator.blobId}`
    : `seg:${locator.segment}:${locator.offset}:${locator.blobId}`;
}

/** What the locators of all records of a segment begin with. */
export function segmentPrefix(segment: string): string {
  return `seg:${segment}:`;
}

/** What a body keeps wherever it is copied to; a text that is no locator stands for itself. */
export function blobKeyOf(text: string): string {
  return parseLocator(text)?.blobId ?? text;
}

/** The directories and file names of one store. */
export class BlobPaths {
  readonly root: string;
  readonly segments: string;
  readonly files: string;

  constructor(root: string) {
    this.root = root;
    this.segments = join(root, "segments");
    this.files = join(root, "files");
  }

  segment(name: string): string {
    return join(this.segments, `${name}.seg`);
  }

  file(blobId: string): string {
    return join(this.files, `${blobId}.blob`);
  }

  /** A file that is still being written; never referred to by a row. */
  unfinished(blobId: string): string {
    return join(this.files, `${blobId}.part`);
  }
}

/** What a name found in the store's directories is; null for a stranger, which is left alone. */
export function parseFileName(
  name: string,
): { readonly kind: "segment" | "file" | "unfinished"; readonly id: string } | null {
  const segment = /^([0-9a-f]{16})\.seg$/.exec(name);
  if (segment !== null) return { kind: "segment", id: segment[1] ?? "" };
  const file = /^([0-9a-f]{32})\.(blob|part)$/.exec(name);
  if (file === null) return null;
  return { kind: file[2] === "blob" ? "file" : "unfinished", id: file[1] ?? "" };
}
