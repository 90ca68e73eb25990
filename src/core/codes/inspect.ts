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
  "PST-INS-004": {
    what: "A process that reads attachments was killed for its time or memory, or died of a file; what it could not read needs protection.",
    next: "Nothing, where it is rare: somebody sent a damaged or hostile file. For large honest files raise `dlp.budgets`.",
  },
  "PST-INS-005": {
    what: "A process that reads attachments could not be started; archives and documents count as uninspectable meanwhile.",
    next: "Check the limits of the unit (tasks, memory) and that the service may run its own Node and read its own code.",
  },
  "PST-INS-014": {
    what: "What was given to `postern dlp eval` is no labelled set.",
    next: "Give JSON Lines with id, label and text, a folder of folders named by their label, or LABEL=PATH.",
  },
  "PST-INS-015": {
    what: "Values that detection found are not shown this way.",
    next: "Run `postern dlp explain FILE --reveal --reason TEXT` on a terminal, without --json.",
  },
  "PST-INS-020": {
    what: "A list of terms or codes cannot be built from what was given.",
    next: "Correct the place named, or say how the source is to be read; see `postern dlp dict build --help`.",
  },
  "PST-INS-031": {
    what: "The program that reads the text of pictures (`dlp.ocr`) cannot be started; pictures count as uninspectable meanwhile.",
    next: "Install bubblewrap, put the drop-in pictures.conf beside the unit, and try it: docs/operating.md, reading pictures.",
  },
} as const satisfies Record<`PST-INS-${string}`, CodeEntry>;
