import type { CodeEntry } from "../code-entry.ts";

export const pipelineCodes = {
  "PST-PIP-001": {
    what: "The message was not delivered within its lifetime.",
    next: "The sender was told. `postern trace ID` shows why each attempt was put off.",
  },
  "PST-PIP-002": {
    what: "Nobody decided about a held message before its deadline.",
    next: "The sender was told it was not sent. Review holds earlier: `postern queue list --state held`.",
  },
  "PST-PIP-003": {
    what: "A stage failed in an unexpected way; the recipient is tried again later and nothing was sent.",
    next: "Look for the log line with this message id and report it; `postern queue retry ID` tries at once.",
  },
  "PST-PIP-004": {
    what: "An operator dropped this recipient.",
    next: "Nothing; `postern trace ID` names who dropped it and why.",
  },
  "PST-PIP-006": {
    what: "A report could not be sent: the original has the null sender.",
    next: "`postern trace ID` tells what failed; nobody else is told (RFC 5321 section 6.1).",
  },
  "PST-PIP-007": {
    what: "The sender was not told what became of a recipient: the report could not be written.",
    next: "Look for `report_failed` in the log and check the spool volume; tell the sender if it matters.",
  },
  "PST-PIP-008": {
    what: "An operator put this recipient aside.",
    next: "`postern queue release ID --reason TEXT` lets it go on; at its deadline it fails and the sender is told.",
  },
  "PST-PIP-009": {
    what: "A reviewer refused this message.",
    next: "Nothing; `postern trace ID` names who refused it and why. The sender was told that it was not sent.",
  },
  "PST-PIP-010": {
    what: "An operator lets mail to this destination, or from this sender, wait.",
    next: "`postern queue suspensions` tells who, why and until when; it goes by itself then, or at once after `postern queue resume`.",
  },
} as const satisfies Record<`PST-PIP-${string}`, CodeEntry>;
