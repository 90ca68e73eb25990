import type { CodeEntry } from "../code-entry.ts";

export const decideCodes = {
  "PST-DEC-001": {
    what: "The destination cannot meet the floor and no other protection is available.",
    next: "Ask the other side to offer TLS with a valid certificate, then `postern queue retry ID`; or drop it and send it another way. A rule that lowers the floor counts for later mail only.",
  },
  "PST-DEC-002": {
    what: "A rule holds this message for review.",
    next: "Look at it with `postern quarantine show ID`, then `postern quarantine release` or `refuse` it.",
  },
  "PST-DEC-003": {
    what: "The floor asks for content protection and none is available for this recipient.",
    next: "Such protection is not built yet: `postern queue drop ID` and send it another way. `policy.sensitive` decides about later mail.",
  },
  "PST-DEC-004": {
    what: "The recipient's domain does not exist.",
    next: "Check the spelling of the domain; `postern route explain DOMAIN` shows what DNS says. Whoever wrote to it was told.",
  },
  "PST-DEC-005": {
    what: "REQUIRETLS is asked for, by the sender or by `requiretls: require`, and the destination cannot promise it.",
    next: "The sender was told; send it without REQUIRETLS, or another way. `requiretls` decides about later mail.",
  },
  "PST-DEC-006": {
    what: "The recipient's domain declares that it accepts no mail (null MX).",
    next: "Check the spelling of the domain; `postern route explain DOMAIN` shows what DNS says. Whoever wrote to it was told.",
  },
  "PST-DEC-010": {
    what: "The destination cannot meet the floor, and the rule for it says that the mail fails then.",
    next: "The sender was told. `postern route explain ADDRESS` shows the rule; `fallback` decides about later mail.",
  },
  "PST-DEC-011": {
    what: "The destination cannot meet the floor, and the rule for it says that the mail waits.",
    next: "Tried again by itself until its lifetime ends; the sender is told of the delay. `postern tls probe DOMAIN` shows what the other side offers; `fallback` decides about later mail.",
  },
  "PST-DEC-020": {
    what: "The destination offers less protection than its domain proved before, and no other protection is available.",
    next: "Tried again by itself: it goes once the old level is proven again, or at the new one after policy.downgrade.keep_hours. `postern tls report` shows since when; ask its operator. Where the change is meant, a `lower_to` rule lets it go at once.",
  },
  "PST-DEC-021": {
    what: "What the domain proved before cannot be read: protected mail to it waits.",
    next: "Look for the errors of the database in the log. Tried again by itself until its lifetime ends; a `lower_to` rule for the domain does without it.",
  },
  "PST-DEC-022": {
    what: "What the domain proved before needs DNSSEC, and the resolver does not validate now: protected mail to it waits.",
    next: "Repair the resolver (PST-DSC-010); the mail goes by itself afterwards. A `lower_to` rule for the domain does without it; where no resolver is to validate any more, `dns.trust_ad: never` lets the lower level count after policy.downgrade.keep_hours.",
  },
  "PST-DEC-030": {
    what: "A rule refuses this message for this recipient.",
    next: "The sender was told, with the name of the rule. `postern trace ID` shows what it found; the pack the rule stands in decides about later mail.",
  },
  "PST-DEC-031": {
    what: "The sender asked to send this message without protection, which a reviewer has to approve.",
    next: "Look at it with `postern quarantine show ID`. `postern quarantine release` sends it as its sender asked, `refuse` gives it back.",
  },
  "PST-DEC-032": {
    what: "A rule lets this message go by the portal only, which cannot take it.",
    next: "The portal is not built yet: `postern queue drop ID` and send it another way. The action `content` or `protect` of the rule lets later mail go.",
  },
} as const satisfies Record<`PST-DEC-${string}`, CodeEntry>;
