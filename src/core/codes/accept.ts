import type { CodeEntry } from "../code-entry.ts";

export const acceptCodes = {} as const satisfies Record<`PST-ACC-${string}`, CodeEntry>;
