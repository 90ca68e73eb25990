import type { CodeEntry } from "../code-entry.ts";

export const discoverCodes = {} as const satisfies Record<`PST-DSC-${string}`, CodeEntry>;
