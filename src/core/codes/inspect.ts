import type { CodeEntry } from "../code-entry.ts";

export const inspectCodes = {
  "PST-INS-001": {
    what: "A rule pack has errors or fails its own tests and was not loaded.",
    next: "Correct the places named, then check with `postern dlp check FILE`.",
  },
  "PST-INS-002": {
    what: "A rule pack cannot be read from disk.",
    next: "Check the path in the configuration and that the service may read the file.",
  },
  "PST-INS-003": {
    what: "A file or folder to scan cannot be read.",
    next: "Check the path and its permissions; `-` reads standard input.",
  },
  "PST-INS-014": {
    what: "What was given to `postern dlp eval` is no labelled set.",
    next: "Give JSON Lines with id, label and text, a folder of folders named by their label, or LABEL=PATH.",
  },
} as const satisfies Record<`PST-INS-${string}`, CodeEntry>;
