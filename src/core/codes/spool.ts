import type { CodeEntry } from "../code-entry.ts";

export const spoolCodes = {} as const satisfies Record<`PST-SPL-${string}`, CodeEntry>;
