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
} as const satisfies Record<`PST-RPT-${string}`, CodeEntry>;
