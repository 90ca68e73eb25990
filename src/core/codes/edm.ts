import type { CodeEntry } from "../code-entry.ts";

export const edmCodes = {
  "PST-EDM-001": {
    what: "The file of an exact-data-match index cannot be read.",
    next: "Check the path under `dlp.edm` and that the user of the service may read the file.",
  },
  "PST-EDM-002": {
    what: "A file is no exact-data-match index, or is damaged: cut short or changed.",
    next: "Build it again with `postern dlp edm build`; a running service keeps the index it has.",
  },
  "PST-EDM-003": {
    what: "An exact-data-match index was made with another key.",
    next: "Name the key it was built with under `dlp.edm`, or build it again with the one named there.",
  },
  "PST-EDM-004": {
    what: "The CSV for an exact-data-match index has errors; nothing was built.",
    next: "Correct the lines named, or say what its columns hold with `--column HEADING=KIND`.",
  },
  "PST-EDM-005": {
    what: "The file of an exact-data-match index cannot be written; the one before it is untouched.",
    next: "Check folder, rights and free space.",
  },
  "PST-EDM-006": {
    what: "The key of an exact-data-match index cannot be used.",
    next: "Make one with `postern keys new FILE`; a file must be for its owner alone (mode 0600).",
  },
  "PST-EDM-007": {
    what: "An exact-data-match index was not built anew for days: whoever became a patient since is not in it.",
    next: "Look at the job that builds it (`systemctl status postern-edm`), run it and reload; or raise `alerts.edm_index_days`.",
  },
} as const satisfies Record<`PST-EDM-${string}`, CodeEntry>;
