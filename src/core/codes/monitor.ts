import type { CodeEntry } from "../code-entry.ts";

export const monitorCodes = {
  "PST-MON-001": {
    what: "The service has not finished starting.",
    next: "Wait; the log names what it recovers. Mail is taken once it says `started`.",
  },
  "PST-MON-002": {
    what: "The service is draining: it takes no more mail and stops soon.",
    next: "Nothing if you stopped it; otherwise look for who sent SIGTERM.",
  },
  "PST-MON-003": {
    what: "The writer of the database does not answer, or refuses to write.",
    next: "Look for `store_unhealthy` in the log and check the volume of data_dir; after a disk error the service ends and recovers at the next start.",
  },
  "PST-MON-004": {
    what: "The store of message bodies is out of use after a disk error.",
    next: "Look for `spool_unhealthy` in the log and check the volume of data_dir, then restart.",
  },
  "PST-MON-005": {
    what: "The volume of data_dir is nearly full.",
    next: "Free space or inodes, or enlarge the volume: `df -h` and `df -i` on data_dir.",
  },
  "PST-MON-006": {
    what: "The listener's certificate is not valid at this time.",
    next: "Put a valid certificate in place of listen.tls.certificate and reload; check the clock of this machine.",
  },
  "PST-MON-007": {
    what: "The keys at rest do not work.",
    next: "Check keys.spool and keys.addresses, then restart; without them nothing stored can be read.",
  },
} as const satisfies Record<`PST-MON-${string}`, CodeEntry>;
