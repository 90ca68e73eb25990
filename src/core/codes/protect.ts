import type { CodeEntry } from "../code-entry.ts";

export const protectCodes = {
  "PST-PRT-001": {
    what: "The step asks for a kind of content protection this version cannot build.",
    next: "`postern trace ID` names the step; drop the copy and send it another way.",
  },
  "PST-PRT-002": {
    what: "Addresses or headers are not plain ASCII and the next server does not offer SMTPUTF8 (RFC 6531).",
    next: "The sender was told; another spelling of the address, or ASCII headers, would do.",
  },
  "PST-PRT-003": {
    what: "The next server does not offer 8BITMIME and the message is signed: converting it would break the signature.",
    next: "The sender was told; signing with 7-bit content (quoted-printable or base64) would do.",
  },
  "PST-PRT-004": {
    what: "The next server does not offer 8BITMIME and the structure of the message does not allow a conversion to 7-bit.",
    next: "The sender was told; `postern queue show ID` lists the structure defects.",
  },
  "PST-PRT-005": {
    what: "The next server takes no message of this size.",
    next: "The sender was told; smaller attachments would do.",
  },
  "PST-PRT-006": {
    what: "The sender asked for REQUIRETLS and the next server does not offer it (RFC 8689).",
    next: "The sender was told; sending without REQUIRETLS would do.",
  },
  "PST-PRT-007": {
    what: "The header section is larger than 256 KiB, so fields that must not leave cannot be taken out.",
    next: "Find out why the submitter writes such headers; drop the copy and send it again without them.",
  },
  "PST-PRT-008": {
    what: "A copy to compliance was left out: fifty alike went within the hour, as when a list behind the mailbox sends them round.",
    next: "See whether a mailbox of `dlp.copy_to` is a list that sends on through this gateway; name a plain mailbox, or exempt the list's bounce address from the rule.",
  },
} as const satisfies Record<`PST-PRT-${string}`, CodeEntry>;
