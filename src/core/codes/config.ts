import type { CodeEntry } from "../code-entry.ts";

export const configCodes = {} as const satisfies Record<`PST-CFG-${string}`, CodeEntry>;
