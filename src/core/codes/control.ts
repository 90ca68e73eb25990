import type { CodeEntry } from "../code-entry.ts";

export const controlCodes = {} as const satisfies Record<`PST-CTL-${string}`, CodeEntry>;
