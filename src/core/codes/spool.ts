import type { CodeEntry } from "../code-entry.ts";

export const spoolCodes = {
  // 001-049: stored bodies and the keys at rest (src/parts/store/blob-store.ts, src/parts/keys/).
  "PST-SPL-001": {
    what: "The disk did not confirm a write to the body store; nothing more is accepted until a restart.",
    next: "Check the disk and the kernel log, then restart the service. What was acknowledged before is safe.",
  },
  "PST-SPL-002": {
    what: "The body store had no space, quota or file handles left for a message; it was not accepted.",
    next: "Free space on the spool volume or raise the quota or LimitNOFILE. Clients try again by themselves.",
  },
  "PST-SPL-003": {
    what: "A stored body was altered or cut short; nothing of it is delivered.",
    next: "Check the disk, restore the spool directory from a backup, then `postern queue retry ID`.",
  },
  "PST-SPL-004": {
    what: "A stored body that the queue refers to is gone.",
    next: "Make sure that the spool directory belongs to this database and restore it from a backup.",
  },
  "PST-SPL-005": {
    what: "The spool key given now does not open a stored body.",
    next: "Give the spool key that was in use when the message was accepted.",
  },
  "PST-SPL-006": {
    what: "A stored body could not be read just now.",
    next: "Check the spool volume and the kernel log; the message stays in the queue and is tried again.",
  },
  "PST-SPL-010": {
    what: "A key at rest is unusable: it is not 32 bytes, or not raw, hexadecimal or base64.",
    next: "Make a new one with `openssl rand -hex 32` and refer to it in the configuration.",
  },
  "PST-SPL-011": {
    what: "Two keys at rest are the same.",
    next: "Give each role its own key, so that one stolen key does not open everything.",
  },
  "PST-SPL-012": {
    what: "A key at rest that is needed was not given to this process.",
    next: "Refer to the named key in the configuration.",
  },
  "PST-SPL-013": {
    what: "A sealed text was altered, stands in the wrong place or needs another key.",
    next: "Give the key that was in use when it was written; otherwise restore the database from a backup.",
  },
  "PST-SPL-014": {
    what: "The new keys leave out the one in use: what it wrapped could not be opened any more.",
    next: "List the key of before under keys.previous until `postern keys status` says that nothing needs it.",
  },
  "PST-SPL-050": {
    what: "Another process already writes this state database.",
    next: "Stop the other Postern first (`systemctl status postern`); reading commands work beside it.",
  },
  "PST-SPL-051": {
    what: "The state database was written by a newer version of Postern.",
    next: "Start the newer version, or restore the backup that lies beside the database from before the migration.",
  },
  "PST-SPL-052": {
    what: "The file is not a Postern state database, or it is damaged; it was left untouched.",
    next: "Check the configured path; for a damaged database restore a backup and keep the damaged file for inspection.",
  },
  "PST-SPL-053": {
    what: "SQLite did not confirm the durable settings (WAL, synchronous FULL, foreign keys).",
    next: "Put the state directory on a local file system; network file systems are not supported.",
  },
  "PST-SPL-054": {
    what: "The disk that holds the state database is full; nothing of this change was written.",
    next: "Free space on the state directory's file system; submitters are asked to try again meanwhile.",
  },
  "PST-SPL-055": {
    what: "The state database could not be written or synced; nothing more is taken until a restart.",
    next: "Check the disk (`dmesg`, `smartctl`), then restart the service; unacknowledged mail is sent again by its submitter.",
  },
  "PST-SPL-056": {
    what: "The state database was taken out of use after an earlier disk error.",
    next: "Look for PST-SPL-055 or PST-SPL-060 in the log, repair the cause, then restart the service.",
  },
  "PST-SPL-057": {
    what: "The state database is closed, or its writer thread ended.",
    next: "Nothing to do during a shutdown; otherwise look for the error before it in the log and restart the service.",
  },
  "PST-SPL-058": {
    what: "Too many changes wait for the state database.",
    next: "Submitters are asked to try again; if it lasts, the disk is too slow for the load.",
  },
  "PST-SPL-059": {
    what: "Migrating the state database failed; it is still at its old version.",
    next: "Read the cause, free disk space if needed, and start again; the backup beside the database is complete.",
  },
  "PST-SPL-060": {
    what: "The state database or the audit chain is damaged.",
    next: "Run `postern audit verify`, stop the service, and restore a backup.",
  },
  "PST-SPL-061": {
    what: "A sealed field of the state database could not be opened.",
    next: "Check that the address key is the one this database was written with; otherwise the row was altered.",
  },
  "PST-SPL-062": {
    what: "A change contradicts what is stored and was refused.",
    next: "This is a defect in Postern; report it with the queue id from the log.",
  },
  "PST-SPL-063": {
    what: "The service stopped, or lost its claim, while the final dot was on its way; the message may have been delivered.",
    next: "Nothing to do: it is sent again with identical bytes and marked as a possible duplicate.",
  },
  "PST-SPL-064": {
    what: "The state database could not be opened.",
    next: "Check that the directory exists and that the service's user may read and write it.",
  },
  "PST-SPL-065": {
    what: "The state database is of an earlier version of Postern, and the service was not started since.",
    next: "Start the service once (`systemctl start postern`): it copies the database and brings it up to date.",
  },
  "PST-SPL-070": {
    what: "The folder of message bodies belongs to another database: starting would reclaim bodies that database still needs.",
    next: "Put back the gateway.db that belongs to this spool (both come from one backup), or start with an empty data_dir.",
  },
  "PST-SPL-071": {
    what: "The spool key is not the one the stored message bodies were encrypted with.",
    next: "Give the earlier key in keys.spool; without it what is queued cannot be delivered.",
  },
  "PST-SPL-090": {
    what: "The place for the backup is taken.",
    next: "Name a folder that does not exist yet, or let Postern choose the name.",
  },
  "PST-SPL-091": {
    what: "This is no whole backup of Postern: its manifest is missing or cannot be read.",
    next: "Name the folder of a backup; one whose name ends in .partial was broken off and can be removed.",
  },
  "PST-SPL-092": {
    what: "The folder to restore into holds a gateway already.",
    next: "Stop the service and move the old data_dir away; nothing is ever overwritten.",
  },
  "PST-SPL-093": {
    what: "The backup is not as it was written.",
    next: "Use another backup; `postern backup verify` names the files that differ.",
  },
  "PST-SPL-094": {
    what: "Restored from a backup: this recipient may have been delivered to after the backup was made.",
    next: "Nothing: it is tried again with the same bytes and marked as a possible duplicate.",
  },
} as const satisfies Record<`PST-SPL-${string}`, CodeEntry>;
