import type { CodeEntry } from "../code-entry.ts";

export const discoverCodes = {
  "PST-DSC-001": {
    what: "DNS gave no answer about where the recipient's domain takes its mail.",
    next: 'It is tried again by itself. If it lasts, see that a validating resolver answers at `dns.servers`: docs/operating.md, "The resolver".',
  },
  "PST-DSC-002": {
    what: "The DNS answer about the recipient's domain failed DNSSEC validation.",
    next: "It is tried again. A broken zone is for its owner to repair; `postern route explain ADDRESS` shows the answer.",
  },
  "PST-DSC-003": {
    what: "The part after the @ is neither a domain name nor an address literal.",
    next: "The sender was told; check the address.",
  },
  "PST-DSC-004": {
    what: "The recipient's domain exists, but no mail server of it has an address.",
    next: "The sender was told; the domain's owner has to repair its MX or address records.",
  },
  "PST-DSC-005": {
    what: "Every MX record of the recipient's domain names something that is no host name.",
    next: "The sender was told; the domain's owner has to repair its MX records.",
  },
  "PST-DSC-006": {
    what: "This gateway is the best mail server of the recipient's domain: the mail would come back to it.",
    next: "Name the real next hop under delivery.smarthosts, or correct the domain's MX records, then `postern queue retry ID`.",
  },
  "PST-DSC-007": {
    what: "The configured smarthost has no address.",
    next: "Correct delivery.smarthosts or the DNS record of that host; the mail waits and is tried again.",
  },
  "PST-DSC-008": {
    what: "DNS gave no answer about the TLSA records (DANE) of a mail server.",
    next: "That server is not used until there is an answer; it is tried again. If it lasts, look with `postern route explain ADDRESS`.",
  },
  "PST-DSC-009": {
    what: "The DNS answer about the TLSA records (DANE) of a mail server failed DNSSEC validation.",
    next: "That server is not used until the answer is sound; it is tried again. A broken zone is for its owner to repair.",
  },
  "PST-DSC-010": {
    what: "The resolver validated DNSSEC before and does not any more: mail is sent as if nobody published DANE, but for protected mail to domains that proved it before.",
    next: "Repair it: its trust anchor, its configuration, the clock of this machine. `postern status` says when it validates again.",
  },
  "PST-DSC-015": {
    what: "What is remembered of the domain's MTA-STS policy cannot be read; it may bind, so nothing is sent there.",
    next: "Tried again by itself. See the log and the disk of the database; `postern sts refresh DOMAIN` fetches the policy anew and replaces what is there.",
  },
  "PST-DSC-016": {
    what: "The MTA-STS policy of a domain could not be renewed for more than half its life: somebody may be keeping it from us until it expires.",
    next: "`postern sts refresh DOMAIN` says what fails. See that this machine may reach port 443; tell the domain's postmaster, by another way than mail to that domain.",
  },
} as const satisfies Record<`PST-DSC-${string}`, CodeEntry>;
