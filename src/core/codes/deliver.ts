import type { CodeEntry } from "../code-entry.ts";

export const deliverCodes = {} as const satisfies Record<`PST-DLV-${string}`, CodeEntry>;
