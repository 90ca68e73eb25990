import type { CodeEntry } from "../code-entry.ts";

export const reportCodes = {
  "PST-RPT-001": {
    what: "More kinds of TLS sessions were seen within a minute than there is room to count; some are missing from the TLS reports.",
    next: "Nothing, unless it persists: then look with `postern tls results` at which destinations fail, and why.",
  },
  "PST-RPT-002": {
    what: "The TLS sessions of a delivery could not be counted; the delivery itself is not affected.",
    next: "This is a defect in Postern; report it with the lines of the log around it.",
  },
  "PST-RPT-003": {
    what: "A TLS report could not be handed over within a day, or nobody it was for could take it, and was given up.",
    next: "Nothing: the other side misses a report about one day. `postern tls results --json` shows where it was to go, and why it did not.",
  },
  "PST-RPT-004": {
    what: "A TLS report could not be made or written down.",
    next: "Tried again within a minute, for a day. If it stays, look for the error beside it in the log.",
  },
} as const satisfies Record<`PST-RPT-${string}`, CodeEntry>;
