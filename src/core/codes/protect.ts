import type { CodeEntry } from "../code-entry.ts";

export const protectCodes = {} as const satisfies Record<`PST-PRT-${string}`, CodeEntry>;
