/**
 * MAIL and RCPT (RFC 5321 sections 4.1.1.2 and 4.1.1.3): who may send, from whom, to whom, with which parameters.
 * Promises: no transaction begins for a peer that is no submitter, nor before TLS where TLS is asked for.
 */
import type { Mailbox } from "../../core/envelope.ts";
import { parseMailParameters, parseRcptParameters } from "../../parts/smtp/parameters.ts";
import type { MailParameters, ParameterProblem } from "../../parts/smtp/parameters.ts";
import { parsePath } from "../../parts/smtp/path.ts";
import type { PathProblem } from "../../parts/smtp/path.ts";
import { standingAtMail } from "./proof.ts";
import type { Standing } from "./proof.ts";
import { pressureRefusal, REFUSALS } from "./replies.ts";
import type { Refusal } from "./replies.ts";
import type { Next, Session } from "./session.ts";
import { Transaction } from "./transaction.ts";

const NO_PARAMETERS: ReadonlySet<string> = new Set();
const MAIL_PARAMETERS: ReadonlySet<string> = new Set(["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID"]);
const RCPT_PARAMETERS: ReadonlySet<string> = new Set(["NOTIFY", "ORCPT"]);

export function runMail(session: Session, argument: string): Next {
  const text = /^FROM:(.*)$/is.exec(argument)?.[1];
  if (text === undefined) return session.refuse(REFUSALS.syntax);
  if (session.helo === null) return session.refuse(REFUSALS.helloFirst);
  if (session.transaction !== null) return session.refuse(REFUSALS.nestedMail);
  if (session.wire.tls === null && !session.mayUsePlaintext) return session.refuse(REFUSALS.tlsRequired);
  const standing = standingAtMail(session.submitters, { tlsSocket: session.wire.tlsSocket, user: session.user });
  if (standing.kind === "needs-auth") return session.refuse(REFUSALS.authRequired);
  if (standing.kind === "denied") return session.refuse(REFUSALS.relayDenied);
  const pressed = pressureRefusal(session.context.deps.pressure());
  if (pressed !== null) return session.refuse(pressed);
  return openTransaction(session, standing, text);
}

function openTransaction(
  session: Session,
  standing: Extract<Standing, { kind: "proven" | "pending" }>,
  text: string,
): Next {
  const path = parsePath(text);
  if (path.kind === "bad") return session.refuse(refusalOfPath(path.problem, "sender"));
  if (path.kind === "postmaster") return session.refuse(REFUSALS.senderSyntax);
  const parameters = parseMailParameters(path.rest, mailParameters(session));
  if (parameters.kind !== "parameters") return session.refuse(refusalOfParameter(parameters));
  const sender = path.kind === "mailbox" ? path.mailbox : null;
  const problem = refusalOfMail(session, parameters, path.kind === "mailbox" && path.needsSmtpUtf8);
  if (problem !== null) return session.refuse(problem);
  const { body, smtpUtf8, requireTls, ret, envid } = parameters;
  const envelope = { sender, body, smtpUtf8, requireTls, ret, envid };
  session.transaction = new Transaction(envelope, standing, parameters.sizeBytes ?? 0);
  session.wire.reply("250 2.1.0 Sender OK");
  return "go";
}

function refusalOfMail(session: Session, parameters: MailParameters, needsSmtpUtf8: boolean): Refusal | null {
  if (needsSmtpUtf8 && !parameters.smtpUtf8) return REFUSALS.needsSmtpUtf8;
  const sizeBytes = parameters.sizeBytes ?? 0;
  const { announced, deps, options } = session.context;
  if (sizeBytes === 0) return null;
  if (sizeBytes > options.limits.messageBytesMax) return REFUSALS.tooLarge;
  // RFC 1870 section 6.1: told before the body travels. What others announced comes first.
  const roomBytes = deps.pressure().roomBytes ?? Number.POSITIVE_INFINITY;
  return announced.bytes + sizeBytes > roomBytes ? REFUSALS.noRoomForSize : null;
}

export function runRcpt(session: Session, argument: string): Next {
  const text = /^TO:(.*)$/is.exec(argument)?.[1];
  if (text === undefined) return session.refuse(REFUSALS.syntax);
  const { transaction } = session;
  if (transaction === null) return session.refuse(REFUSALS.mailFirst);
  if (transaction.chunked !== null) return session.refuse(REFUSALS.chunksBegun);
  const path = parsePath(text);
  if (path.kind === "bad") return session.refuse(refusalOfPath(path.problem, "recipient"));
  if (path.kind === "null") return session.refuse(REFUSALS.recipientSyntax);
  const parameters = parseRcptParameters(path.rest, session.isExtended ? RCPT_PARAMETERS : NO_PARAMETERS);
  if (parameters.kind !== "parameters") return session.refuse(refusalOfParameter(parameters));
  if (path.kind === "mailbox" && path.needsSmtpUtf8 && !transaction.envelope.smtpUtf8) {
    return session.refuse(REFUSALS.needsSmtpUtf8);
  }
  const mailbox: Mailbox = path.kind === "mailbox" ? path.mailbox : session.context.postmaster;
  const { notify, orcpt } = parameters;
  const hasRoom = transaction.add({ mailbox, notify, orcpt }, session.context.options.limits.recipientsMax);
  if (!hasRoom) return session.refuse(REFUSALS.tooManyRecipients);
  session.wire.reply("250 2.1.5 Recipient OK");
  return "go";
}

function mailParameters(session: Session): ReadonlySet<string> {
  if (!session.isExtended) return NO_PARAMETERS;
  const { offersAuth, offersRequireTls } = session;
  if (!offersAuth && !offersRequireTls) return MAIL_PARAMETERS;
  return new Set([...MAIL_PARAMETERS, ...(offersAuth ? ["AUTH"] : []), ...(offersRequireTls ? ["REQUIRETLS"] : [])]);
}

function refusalOfPath(problem: PathProblem, whose: "sender" | "recipient"): Refusal {
  const isSyntax = problem === "syntax" || problem === "bad-domain";
  if (whose === "sender") return isSyntax ? REFUSALS.senderSyntax : REFUSALS.senderTooLong;
  return isSyntax ? REFUSALS.recipientSyntax : REFUSALS.recipientTooLong;
}

/** RFC 5321 section 4.1.1.11: 555 for what is not known, 501 for what is malformed. */
function refusalOfParameter(problem: ParameterProblem): Refusal {
  return problem.kind === "unknown" ? REFUSALS.parameterUnknown : REFUSALS.parameterMalformed;
}
