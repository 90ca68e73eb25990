import type { CodeEntry } from "../code-entry.ts";

export const deliverCodes = {
  "PST-DLV-001": {
    what: "No connection to the mail server could be made.",
    next: "Retried by itself; check the route with `postern route explain ADDRESS` and the firewall for outgoing port 25.",
  },
  "PST-DLV-002": {
    what: "The mail server closed the connection before the message was handed over.",
    next: "Retried by itself; nothing was delivered.",
  },
  "PST-DLV-003": {
    what: "The mail server did not answer in time.",
    next: "Retried by itself; nothing was delivered.",
  },
  "PST-DLV-004": {
    what: "The mail server broke the SMTP protocol (malformed, overlong or misplaced reply).",
    next: "Retried by itself; if it stays, tell the other side's postmaster with the attempt from `postern trace ID`.",
  },
  "PST-DLV-005": {
    what: "The mail server refused service in its greeting or its answer to EHLO.",
    next: "Retried by itself; if it stays, ask the other side's postmaster.",
  },
  "PST-DLV-006": {
    what: "The mail server refuses this gateway by policy (block list, rate or reputation).",
    next: "Read the reply with `postern trace ID`, and ask the other side to admit this gateway's address.",
  },
  "PST-DLV-007": {
    what: "The mail server offers no STARTTLS, and the floor asks for TLS.",
    next: "The next protection is used by itself; ask the other side to offer TLS.",
  },
  "PST-DLV-008": {
    what: "The TLS handshake failed: no common version or cipher suite (TLS 1.2 is the least).",
    next: "The next protection is used by itself where the floor asks for TLS; ask the other side to update its TLS.",
  },
  "PST-DLV-009": {
    what: "The mail server's certificate does not prove its name (unknown issuer, expired, for another name, weak key), and the floor asks for an authenticated server.",
    next: "The next protection is used by itself; `postern tls probe DOMAIN` says what to ask of the other side. An authority of theirs can be trusted by `tls.ca_file` of a rule in `policy.destinations`.",
  },
  "PST-DLV-010": {
    what: "Bytes in the clear followed the answer to STARTTLS: someone may be tampering with the connection.",
    next: "Nothing was sent. Check the network path to the mail server; retried by itself.",
  },
  "PST-DLV-011": {
    what: "The mail server offered STARTTLS and could not start it for now.",
    next: "Retried by itself.",
  },
  "PST-DLV-012": {
    what: "The TLS handshake failed and the same address was tried once without TLS, as the floor `plain` permits.",
    next: "Nothing to do; raise the floor of this destination to forbid it.",
  },
  "PST-DLV-013": {
    what: "The mail server lacks 8BITMIME and the message needs it.",
    next: "A converted form is built by itself.",
  },
  "PST-DLV-014": {
    what: "The mail server lacks SMTPUTF8 and an address or header needs it.",
    next: "A converted form is built where possible; a recipient with a non-ASCII local part cannot be reached there.",
  },
  "PST-DLV-015": {
    what: "REQUIRETLS is asked for, by the sender or by `requiretls`, and the mail server cannot promise it.",
    next: "The next protection is used by itself; the sender may send again without REQUIRETLS.",
  },
  "PST-DLV-016": {
    what: "The message is larger than the mail server accepts.",
    next: "The sender was told; a smaller message gets through.",
  },
  "PST-DLV-017": {
    what: "The mail server refused the recipient for good.",
    next: "The sender was told; check the address.",
  },
  "PST-DLV-018": {
    what: "The mail server asks to try this recipient later.",
    next: "Retried by itself.",
  },
  "PST-DLV-019": {
    what: "The mail server takes no more recipients in this transaction.",
    next: "The rest is retried by itself.",
  },
  "PST-DLV-020": {
    what: "The mail server refused the sender for good.",
    next: "The sender was told; read the reply with `postern trace ID` (SPF, sender domain, policy).",
  },
  "PST-DLV-021": {
    what: "The mail server asks to try this sender later.",
    next: "Retried by itself.",
  },
  "PST-DLV-022": {
    what: "The mail server refused the message for good.",
    next: "The sender was told; read the reply with `postern trace ID`.",
  },
  "PST-DLV-023": {
    what: "The mail server asks to try this message later.",
    next: "Retried by itself.",
  },
  "PST-DLV-024": {
    what: "The mail server demands TLS or authentication first.",
    next: "Retried by itself; if the destination is a smarthost, check how it wants to be used.",
  },
  "PST-DLV-025": {
    what: "The connection was lost after the final dot: the message may have been taken.",
    next: "Retried later with identical bytes and marked as a possible duplicate.",
  },
  "PST-DLV-026": {
    what: "The stored bytes of the message could not be read.",
    next: "Nothing was sent. Check the spool disk and the spool key; retried by itself.",
  },
  "PST-DLV-027": {
    what: "The intent to send could not be stored durably, so the final dot was not sent.",
    next: "Check the disk of the database; retried by itself.",
  },
  "PST-DLV-028": {
    what: "The destination failed several times in a row and is left alone for a while.",
    next: "Retried by itself; `postern trace ID` shows when, and why the attempts before failed.",
  },
  "PST-DLV-029": {
    what: "Too many messages already wait for this destination.",
    next: "Retried by itself.",
  },
  "PST-DLV-030": {
    what: "The mail server's address is private, reserved or not allowed as a destination.",
    next: "If it is meant so, set `allow_private_destinations`; else tell the other side about its DNS.",
  },
  "PST-DLV-031": {
    what: "No mail server of the destination has an address.",
    next: "Retried by itself; check the domain's DNS.",
  },
  "PST-DLV-032": {
    what: "The address of a mail server could not be looked up, or its DNS answer was forged or broken.",
    next: "Retried by itself; check the resolver and the domain's DNS.",
  },
  "PST-DLV-033": {
    what: "The attempt was stopped, because the service shuts down, the message was withdrawn, or nothing can be written down.",
    next: "Nothing was sent; retried at the next start, or once the disk can be relied on.",
  },
  "PST-DLV-034": {
    what: "The prepared message holds a bare CR or LF, which no SMTP server may be sent.",
    next: "Nothing was sent and the sender was told; report it as a fault of Postern with the queue id.",
  },
  "PST-DLV-035": {
    what: "A kept connection had ended meanwhile; a fresh one was made.",
    next: "Nothing to do.",
  },
  "PST-DLV-036": {
    what: "The mail server ends the session for now (421).",
    next: "Retried by itself.",
  },
  "PST-DLV-037": {
    what: "The limit of connections for one delivery was reached before every mail server was tried.",
    next: "Retried by itself.",
  },
  "PST-DLV-038": {
    what: "The mail server proved who it is, but the floor asks for a proof that forged DNS answers cannot help to get.",
    next: "The next protection is used by itself. Strict floors need DNSSEC for the recipient's MX, or a policy of theirs that binds (docs/security-levels.md); `standard` does without.",
  },
  "PST-DLV-039": {
    what: "The mail server's certificate matches no DANE record (TLSA) of its name: somebody is in between, or certificate and records were not changed together.",
    next: "Nothing was sent there; retried by itself. Tell the other side's postmaster, by another way than mail to that domain; `postern trace ID` shows what was seen.",
  },
  "PST-DLV-040": {
    what: "DNS asks for TLS with the mail server (DANE), and STARTTLS is not offered or is refused: somebody may be removing it.",
    next: "Nothing was sent there, and nothing goes in the clear; retried by itself. Check the network path, and tell the other side's postmaster.",
  },
  "PST-DLV-041": {
    what: "DNS asks for TLS with the mail server (DANE), and the handshake failed.",
    next: "Nothing was sent there, and nothing goes in the clear; retried by itself. Check the network path, and tell the other side's postmaster.",
  },
  "PST-DLV-045": {
    what: "No mail server that DNS names for the recipient's domain is one that the domain's MTA-STS policy names: the answer was forged, or the policy was not changed with the servers.",
    next: "Nothing was sent; retried by itself. `postern sts show DOMAIN` has the policy; tell the other side's postmaster, by another way than mail to that domain.",
  },
  "PST-DLV-046": {
    what: "The domain's MTA-STS policy asks for a certificate that is valid for the mail server's name, and this one is not: somebody is in between, or it has to be renewed.",
    next: "Nothing was sent there; retried by itself. Tell the other side's postmaster, by another way than mail to that domain; `postern trace ID` shows what was seen.",
  },
  "PST-DLV-047": {
    what: "The domain's MTA-STS policy asks for TLS with the mail server, and STARTTLS is not offered or is refused: somebody may be removing it.",
    next: "Nothing was sent there, and nothing goes in the clear; retried by itself. Check the network path, and tell the other side's postmaster.",
  },
  "PST-DLV-048": {
    what: "The domain's MTA-STS policy asks for TLS with the mail server, and the handshake failed.",
    next: "Nothing was sent there, and nothing goes in the clear; retried by itself. Check the network path, and tell the other side's postmaster.",
  },
  "PST-DLV-050": {
    what: "The mail server does not show what the rule for this destination asks for: a pinned key, or a certificate by the authorities named.",
    next: "Nothing was sent there; retried by itself. Ask the other side, by another way than mail to that domain, whether they changed key or authority; if so, change `tls` of the rule in `policy.destinations` (or of the smarthost).",
  },
  "PST-DLV-051": {
    what: "The rule for this destination asks for TLS, and STARTTLS is not offered or is refused: somebody may be removing it.",
    next: "Nothing was sent there, and nothing goes in the clear; retried by itself. Check the network path, and tell the other side's postmaster.",
  },
  "PST-DLV-052": {
    what: "The rule for this destination asks for TLS, and the handshake failed.",
    next: "Nothing was sent there, and nothing goes in the clear; retried by itself. `postern tls probe DOMAIN` shows what the server offers.",
  },
  "PST-DLV-053": {
    what: "The mail server offers an older TLS version than the rule for this destination asks for.",
    next: "Nothing was sent there; retried by itself. Ask the other side to offer the newer version, or change `min_version` of the rule.",
  },
  "PST-DLV-054": {
    what: "DNS names only mail servers that the rule for this destination does not: the answer may be forged, or the other side has new servers.",
    next: "None of them was dialled; retried by itself. Ask the other side for the names of its mail servers and compare `tls.mx_names` of the rule; `postern route explain DOMAIN` shows both.",
  },
  "PST-DLV-055": {
    what: "The rule for this destination asks for DANE, and the mail server has no usable TLSA records.",
    next: "It was not dialled; retried by itself. Ask the other side to publish them again, or take `require_dane` out of the rule; `postern route explain DOMAIN` shows what DNS says.",
  },
  "PST-DLV-056": {
    what: "The key of the mail server is too short to prove who it is: less than 2048 bits RSA or 256 bits elliptic curve.",
    next: "The next protection is used by itself. Ask the other side for a new key and certificate.",
  },
} as const satisfies Record<`PST-DLV-${string}`, CodeEntry>;
