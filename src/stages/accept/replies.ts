/**
 * Every answer the listener gives, with its enhanced status (RFC 2034, 3463, 5248) and the reason code the log names.
 * Promises: generic ASCII text without anything of the mail; the senders' systems show it to people.
 */
import type { Pressure } from "../../core/pressure.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";

export type Refusal = {
  readonly reply: string;
  readonly code: ReasonCode;
  /** Counts towards badCommandsMax. */
  readonly isBadCommand?: true;
};

/** What pressure answers carries the code of what presses. */
export function pressureRefusal({ level, causes }: Pressure): Refusal | null {
  const [worst] = causes;
  if (worst === undefined || level === "open" || level === "slow") return null;
  const reply = level === "full" ? NO_SPACE : "421 4.3.2 Taking no mail now; try again later";
  return no(reply, worst.code);
}

/** For a message under way, where 421 would leave open what became of it. */
export function pressureRefusalOfMessage({ level, causes }: Pressure): Refusal | null {
  const [worst] = causes;
  return level === "closed" && worst !== undefined ? no(NO_SPACE, worst.code) : null;
}

const NO_SPACE = "452 4.3.1 Insufficient system resources; try again later";

const bad = (reply: string, code: ReasonCode = "PST-ACC-001"): Refusal => ({ reply, code, isBadCommand: true });
const no = (reply: string, code: ReasonCode): Refusal => ({ reply, code });

export const REFUSALS = {
  unknownCommand: bad("500 5.5.1 Command not recognised"),
  lineTooLong: bad("500 5.5.2 Command line too long"),
  bareNewlineInCommand: bad("500 5.5.2 Commands end with CR LF and hold no other control characters"),
  notText: bad("500 5.5.2 Command is not valid UTF-8"),
  notSmtp: bad("554 5.5.1 This is an SMTP server"),
  syntax: bad("501 5.5.4 Syntax error in arguments"),
  noArgument: bad("501 5.5.4 Command takes no argument"),
  heloSyntax: bad("501 5.5.4 Give your domain name or address literal"),
  helloFirst: bad("503 5.5.1 Say EHLO first"),
  nestedMail: bad("503 5.5.1 A transaction is open already"),
  mailFirst: bad("503 5.5.1 MAIL comes first"),
  chunksBegun: bad("503 5.5.1 The message has begun with BDAT"),
  noTransaction: bad("503 5.5.1 No transaction for this data"),
  noRecipients: bad("554 5.5.1 No valid recipients"),
  tlsActive: bad("503 5.5.1 TLS is active already"),
  notOffered: bad("502 5.5.1 Command not offered here"),
  authTwice: bad("503 5.5.1 Authenticated already"),
  authInTransaction: bad("503 5.5.1 Not inside a transaction"),
  authMechanism: bad("504 5.5.4 Mechanism not offered"),
  authSyntax: bad("501 5.5.2 Malformed authentication exchange"),
  authCancelled: bad("501 5.7.0 Authentication cancelled"),
  senderSyntax: bad("501 5.1.7 Malformed sender address", "PST-ACC-018"),
  recipientSyntax: bad("501 5.1.3 Malformed recipient address", "PST-ACC-018"),
  senderTooLong: bad("501 5.1.7 Sender address too long", "PST-ACC-018"),
  recipientTooLong: bad("501 5.1.3 Recipient address too long", "PST-ACC-018"),
  needsSmtpUtf8: no("553 5.6.7 The address needs SMTPUTF8", "PST-ACC-017"),
  parameterUnknown: bad("555 5.5.4 Parameter not recognised or not offered", "PST-ACC-019"),
  parameterMalformed: bad("501 5.5.4 Parameter malformed or repeated", "PST-ACC-019"),
  bdatSyntax: bad("501 5.5.4 BDAT needs a size and at most LAST"),
  tooLarge: no("552 5.3.4 Message too large", "PST-ACC-006"),
  headerTooLong: no("552 5.3.4 Header section too long", "PST-ACC-005"),
  lineOfMessageTooLong: no("554 5.6.0 A line of the message is too long", "PST-ACC-004"),
  bareNewline: no("550 5.5.2 The message holds a bare CR or LF; send CR LF, or use BDAT", "PST-ACC-002"),
  nul: no("550 5.6.0 The message holds a NUL byte", "PST-ACC-003"),
  tooManyRecipients: no("452 4.5.3 Too many recipients; send the rest in another transaction", "PST-ACC-007"),
  tlsRequired: no("530 5.7.0 Say STARTTLS first", "PST-ACC-008"),
  authRequired: no("530 5.7.0 Authentication required", "PST-ACC-009"),
  authNeedsTls: no("538 5.7.11 Encryption is required for authentication", "PST-ACC-009"),
  authFailed: no("535 5.7.8 Authentication failed", "PST-ACC-010"),
  authLocked: no("421 4.7.0 Too many failed authentications", "PST-ACC-010"),
  relayDenied: no("550 5.7.1 Relaying denied", "PST-ACC-011"),
  headerProof: no("550 5.7.1 Relaying denied: the message lacks the agreed proof", "PST-ACC-012"),
  dkimProof: no("550 5.7.1 Relaying denied: no valid DKIM signature of an agreed domain", "PST-ACC-013"),
  dkimUnknown: no("451 4.7.5 The DKIM signature cannot be checked now; try again", "PST-ACC-014"),
  tooManyHops: no("554 5.4.6 Too many hops", "PST-ACC-015"),
  loop: no("554 5.4.6 The message has been here before", "PST-ACC-016"),
  noRoomForSize: no(NO_SPACE, "PST-PRS-012"),
  pausedTooLong: no(NO_SPACE, "PST-PRS-013"),
  notStored: no("451 4.3.0 The message was not stored; try again", "PST-ACC-025"),
  tooSlow: no("451 4.3.0 Storing took too long; try again", "PST-ACC-026"),
  connectionsMax: no("421 4.7.0 Too many connections; try again later", "PST-ACC-020"),
  connectionsPerPeerMax: no("421 4.7.0 Too many connections from your address; try again later", "PST-ACC-021"),
  tooManyCommands: no("421 4.7.0 Too many commands", "PST-ACC-022"),
  tooManyBadCommands: no("421 4.7.0 Too many bad commands", "PST-ACC-022"),
  peerBadCommands: no("421 4.7.0 Too many errors from your address; try again later", "PST-ACC-035"),
  peerAuthFailures: no("421 4.7.0 Too many failed authentications from your address; try again later", "PST-ACC-036"),
  timeout: no("421 4.4.2 Timed out", "PST-ACC-023"),
  earlyTalk: no("554 5.5.1 Wait for the greeting", "PST-ACC-029"),
  earlyData: no("554 5.5.1 Wait for 354 before sending data", "PST-ACC-029"),
  earlyHandshake: no("554 5.5.1 Nothing may follow STARTTLS before the handshake", "PST-ACC-029"),
  closing: no("421 4.3.2 Shutting down; try again later", "PST-ACC-030"),
} as const satisfies Record<string, Refusal>;
