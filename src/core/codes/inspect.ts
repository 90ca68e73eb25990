import type { CodeEntry } from "../code-entry.ts";

export const inspectCodes = {} as const satisfies Record<`PST-INS-${string}`, CodeEntry>;
