import type { CodeEntry } from "../code-entry.ts";

export const acceptCodes = {
  "PST-ACC-001": {
    what: "A command was unknown, malformed or out of order.",
    next: "Nothing, unless it persists: then look at the submitting system's SMTP log.",
  },
  "PST-ACC-002": {
    what: "The message held a bare CR or LF and came by DATA.",
    next: "Let the submitting system send CRLF line ends, or use BDAT (CHUNKING), which is normalised.",
  },
  "PST-ACC-003": {
    what: "The message held a NUL byte.",
    next: "Correct the program that composes the message.",
  },
  "PST-ACC-004": {
    what: "A line of the message was longer than lineBytesMax.",
    next: "Let the composing program wrap or encode its lines, or raise lineBytesMax.",
  },
  "PST-ACC-005": {
    what: "The header section was longer than headerBytesMax.",
    next: "Look for a mail loop or a program that writes huge headers, or raise headerBytesMax.",
  },
  "PST-ACC-006": {
    what: "The message was larger than messageBytesMax.",
    next: "Raise messageBytesMax, or lower the submitting system's own limit so that senders learn it earlier.",
  },
  "PST-ACC-007": {
    what: "The message had more recipients than recipientsMax; the rest was deferred.",
    next: "Nothing: the submitting system sends the rest in another transaction. Raise recipientsMax if it does not.",
  },
  "PST-ACC-008": {
    what: "A peer wanted to submit before STARTTLS.",
    next: "Require TLS in the submitting system's connector, or list its network for plain text.",
  },
  "PST-ACC-009": {
    what: "A peer wanted to submit without the authentication its submitter entry asks for.",
    next: "Set user and password in the submitting system, or choose another proof for this submitter.",
  },
  "PST-ACC-010": {
    what: "Authentication failed.",
    next: "Check user and password of the submitter; after repeated failures look at who connects.",
  },
  "PST-ACC-011": {
    what: "The peer is no submitter, or could not prove that it is.",
    next: "If it should relay, list its network and proof under submitters.",
  },
  "PST-ACC-012": {
    what: "The header that proves the submitter was missing, repeated or had another value.",
    next: "Check the connector or transport rule that sets the header; otherwise another tenant tried to relay.",
  },
  "PST-ACC-013": {
    what: "The message had no valid DKIM signature of the submitter's own domains.",
    next: "Enable DKIM signing for the domain at the submitting provider and check that the key is published.",
  },
  "PST-ACC-014": {
    what: "The DKIM proof could not be checked, because DNS or the spool did not answer.",
    next: "Check the resolver with `postern status` and `postern route explain ADDRESS`; the submitting system tries again by itself.",
  },
  "PST-ACC-015": {
    what: "The message passed more hosts than hopsMax.",
    next: "Look for a mail loop between this gateway and the submitting system.",
  },
  "PST-ACC-016": {
    what: "The message had been through this gateway before.",
    next: "Correct the route that brings delivered mail back; the recipient's domain may point here.",
  },
  "PST-ACC-017": {
    what: "An address needs SMTPUTF8, and the client did not ask for it.",
    next: "Let the submitting system send SMTPUTF8 with MAIL, or use an ASCII address.",
  },
  "PST-ACC-018": {
    what: "An address was malformed or too long.",
    next: "Correct the address in the submitting system.",
  },
  "PST-ACC-019": {
    what: "A parameter of MAIL or RCPT was unknown, repeated or malformed.",
    next: "Look at the submitting system: it uses an extension that was not offered.",
  },
  "PST-ACC-020": {
    what: "The connection was refused: connectionsMax is reached.",
    next: "Look at who is connected; raise connectionsMax if the load is wanted.",
  },
  "PST-ACC-021": {
    what: "The connection was refused: this peer reached connectionsPerPeerMax.",
    next: "Raise connectionsPerPeerMax if this peer is a busy submitter.",
  },
  "PST-ACC-022": {
    what: "The connection was closed: too many commands, or too many bad ones.",
    next: "Look at the peer; a scanner needs no action.",
  },
  "PST-ACC-023": {
    what: "The peer was silent for too long, or a session lasted too long.",
    next: "Nothing, unless a submitter shows it often: then look at the network between.",
  },
  "PST-ACC-024": {
    what: "The peer went away in the middle of a message; nothing of it was kept.",
    next: "Nothing: the submitting system still has the message and tries again.",
  },
  "PST-ACC-025": {
    what: "The spool or the queue did not take the message; the client was told to try again.",
    next: "Look at the error logged with it: disk space, disk errors and database first.",
  },
  "PST-ACC-026": {
    what: "Storing the message took longer than handlerTimeoutMs; the client was told to try again.",
    next: "Look at disk load and queue depth.",
  },
  "PST-ACC-027": {
    what: "A message was stored after the client had been told to try again: it may arrive twice.",
    next: "Nothing for this message; see PST-ACC-026 for the cause.",
  },
  "PST-ACC-028": {
    what: "A TLS handshake with a peer failed.",
    next: "Check the certificate chain and that the peer speaks TLS 1.2 or later.",
  },
  "PST-ACC-029": {
    what: "A peer sent bytes where it had to wait: before the greeting, before 354 or after STARTTLS.",
    next: "Nothing: this is how command injection looks. If a submitter does it, correct its SMTP client.",
  },
  "PST-ACC-030": {
    what: "The listener is shutting down.",
    next: "Nothing: the submitting system tries again.",
  },
  "PST-ACC-031": {
    what: "The listener has no usable certificate and key, and does not start without.",
    next: "Give the certificate chain and its key, both PEM, under listen.tls.",
  },
  "PST-ACC-032": {
    what: "A submitter without proof names a network that many tenants share.",
    next: "Add a proof: an exact header, a client certificate, a DKIM domain or AUTH.",
  },
  "PST-ACC-033": {
    what: "A submitter is configured in a way that cannot work.",
    next: "Correct the submitter named in the message.",
  },
  "PST-ACC-034": {
    what: "Bare CR or LF in a message sent by BDAT was turned into CRLF.",
    next: "Nothing: the message is signed anew on the way out. An upstream signature over the body no longer holds.",
  },
  "PST-ACC-035": {
    what: "A peer was turned away: its connections together reached listen.bad_commands_per_peer_max.",
    next: "Look at the peer; a scanner needs no action. It is heard again after listen.peer_window_minutes.",
  },
  "PST-ACC-036": {
    what: "A peer may not authenticate now: its connections together reached listen.auth_failures_per_peer_max.",
    next: "Check the submitter's password, or who guesses there. It may try again after listen.peer_window_minutes.",
  },
} as const satisfies Record<`PST-ACC-${string}`, CodeEntry>;
