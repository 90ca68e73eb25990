import type { CodeEntry } from "../code-entry.ts";

export const pressureCodes = {
  "PST-PRS-001": {
    what: "Too many changes and bodies wait for the disk; message bodies are read no further until it catches up.",
    next: "Nothing if it is short. If it lasts, the disk is too slow for the load: see pressure.commit_waiting_max.",
  },
  "PST-PRS-002": {
    what: "The oldest change has waited long for the disk; message bodies are read no further until it catches up.",
    next: "Nothing if it is short. If it lasts, look at what else writes to this disk: see pressure.commit_age_ms_max.",
  },
  "PST-PRS-003": {
    what: "Little disk space is left; new mail is answered 452, what is queued goes out.",
    next: "Free space on the file system of data_dir, or lower pressure.disk_free_percent_min and disk_free_bytes_min.",
  },
  "PST-PRS-004": {
    what: "Few inodes are left; new mail is answered 452, what is queued goes out.",
    next: "Remove small files on the file system of data_dir, or make it anew with more inodes.",
  },
  "PST-PRS-005": {
    what: "The queue holds pressure.queue_recipients_max recipients; new mail is answered 452, what is queued goes out.",
    next: "Look at what waits with `postern queue list`; drop what nobody wants, or raise the limit.",
  },
  "PST-PRS-006": {
    what: "The queue holds pressure.queue_bytes_max bytes; new mail is answered 452, what is queued goes out.",
    next: "Look at what waits with `postern queue list`; drop what nobody wants, or raise the limit.",
  },
  "PST-PRS-007": {
    what: "The free space of data_dir cannot be learned; new mail is answered 452, what is queued goes out.",
    next: "Check that data_dir exists and its file system answers (`df`), and look at the kernel log.",
  },
  "PST-PRS-008": {
    what: "Only the reserve of disk space or inodes is left; nothing is taken (421) and nothing is sent.",
    next: "Free space on the file system of data_dir now; everything goes on by itself then.",
  },
  "PST-PRS-009": {
    what: "The disk refused a write for want of space, quota or file handles; nothing is taken (421) and nothing is sent.",
    next: "Free space, or raise the quota or LimitNOFILE; everything goes on by itself once a trial write succeeds.",
  },
  "PST-PRS-010": {
    what: "The disk has stalled: a write has waited for pressure.stalled_seconds; nothing is taken (421) and nothing is sent.",
    next: "Look at the disk and the kernel log (`dmesg`); everything goes on by itself when it answers again.",
  },
  "PST-PRS-011": {
    what: "A write failed for good and the disk cannot be believed; nothing is taken and nothing is sent, the process ends.",
    next: "Look for PST-SPL-001 or PST-SPL-055 in the log, repair the disk, then start the service: recovery decides.",
  },
  "PST-PRS-012": {
    what: "A message was announced with SIZE that does not fit into what is free; it was answered 452.",
    next: "Free space on the file system of data_dir; the submitting system tries again by itself.",
  },
  "PST-PRS-013": {
    what: "A message waited for pressure.pause_seconds_max for the disk to catch up; it was answered 452.",
    next: "Nothing: the submitting system tries again. If it happens often, the disk is too slow for the load.",
  },
} as const satisfies Record<`PST-PRS-${string}`, CodeEntry>;
