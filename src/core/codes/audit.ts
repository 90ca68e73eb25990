import type { CodeEntry } from "../code-entry.ts";

export const auditCodes = {
  "PST-AUD-001": {
    what: "A row of the audit was changed or is missing.",
    next: "Keep a copy of the database as it is, run `postern audit verify --checkpoint FILE` to see which row, then restore a backup.",
  },
  "PST-AUD-002": {
    what: "A checkpoint of the audit could not be written to audit.checkpoint_file.",
    next: "Check that folder, its owner and its free space; it is tried again by itself, and stands in the log meanwhile.",
  },
  "PST-AUD-003": {
    what: "The audit does not hold what the last checkpoint in audit.checkpoint_file saw: the database was rolled back or replaced.",
    next: "Run `postern audit verify --checkpoint FILE` to see from which row on; where a backup was restored on purpose, keep that file and its reason.",
  },
  "PST-AUD-004": {
    what: "No key signs the audit: keys.audit is not set.",
    next: "Make one with `openssl rand -hex 32`, refer to it in keys.audit, and restart the service.",
  },
  "PST-AUD-005": {
    what: "The last checkpoint in the audit is signed by a key that is not known here; no further one is signed.",
    next: "Where the key was changed or the host renamed, add the verifier line of before (`postern audit key show` shows it) to audit.previous_keys and restart; else take it for a forgery.",
  },
  "PST-AUD-006": {
    what: "Old rows of the audit could not be written to audit.archive_dir; they were not removed.",
    next: "Check that folder, its owner and its free space; it is tried again by itself.",
  },
  "PST-AUD-007": {
    what: "Nothing is known of what the legal hold names: no such message, or no such hold.",
    next: "List messages with `postern queue list --all` and holds with `postern audit hold list`.",
  },
} as const satisfies Record<`PST-AUD-${string}`, CodeEntry>;
