import type { CodeEntry } from "../code-entry.ts";

export const configCodes = {
  "PST-CFG-001": {
    what: "The configuration has errors; nothing was started or changed.",
    next: "Correct every place named in file:line:col form, then run `postern config check`.",
  },
  "PST-CFG-002": {
    what: "A reload was refused because the new configuration has errors; the running one stays in force.",
    next: "Run `postern config check`, correct what it names, then reload again.",
  },
} as const satisfies Record<`PST-CFG-${string}`, CodeEntry>;
