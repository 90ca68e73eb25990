import type { CodeEntry } from "../code-entry.ts";

export const decideCodes = {
  "PST-DEC-001": {
    what: "The destination cannot meet the floor and no other protection is available.",
    next: "Release with `postern queue release ID`, or ask the other side to offer TLS with a valid certificate (`postern route explain ADDRESS`).",
  },
  "PST-DEC-002": {
    what: "A rule holds this message for review.",
    next: "Look at it with `postern queue show ID`, then release or drop it.",
  },
  "PST-DEC-003": {
    what: "The floor asks for content protection and none is available for this recipient.",
    next: "Add a certificate or key for the recipient, or release with a lower floor.",
  },
  "PST-DEC-004": {
    what: "The recipient's domain does not exist or accepts no mail.",
    next: "The sender was told; check the address.",
  },
} as const satisfies Record<`PST-DEC-${string}`, CodeEntry>;
