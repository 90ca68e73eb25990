/**
 * The commands that move no mail: EHLO, HELO, STARTTLS, RSET, NOOP, VRFY, HELP, QUIT; and the table of all commands.
 */
import { runAuth } from "./auth.ts";
import { runMail, runRcpt } from "./envelope-commands.ts";
import { runBdat, runData } from "./receive.ts";
import { REFUSALS } from "./replies.ts";
import type { Handler, Next, Session } from "./session.ts";

const HANDLERS: ReadonlyMap<string, Handler> = new Map<string, Handler>([
  ["EHLO", (session, argument) => hello(session, argument, true)],
  ["HELO", (session, argument) => hello(session, argument, false)],
  ["STARTTLS", runStartTls],
  ["AUTH", runAuth],
  ["MAIL", runMail],
  ["RCPT", runRcpt],
  ["DATA", runData],
  ["BDAT", runBdat],
  ["RSET", runRset],
  ["NOOP", (session) => answer(session, "250 2.0.0 OK")],
  ["VRFY", (session) => answer(session, "252 2.5.0 Not verified; send the message and see")],
  ["HELP", (session) => answer(session, "214 2.0.0 RFC 5321")],
  ["QUIT", runQuit],
]);

export function handlerOf(verb: string): Handler | null {
  return HANDLERS.get(verb) ?? null;
}

/** RFC 5321 section 4.1.1.1. The name is for the trace field only, so its syntax is all that is asked of it. */
async function hello(session: Session, argument: string, isExtended: boolean): Promise<Next> {
  if (!/^(?:[-A-Za-z0-9_.:\u{80}-\u{10ffff}]{1,255}|\[[-A-Za-z0-9.:]{1,80}\])$/u.test(argument)) {
    return session.refuse(REFUSALS.heloSyntax);
  }
  await session.abandon();
  session.helo = argument;
  session.isExtended = isExtended;
  const { hostname } = session.context.options;
  if (isExtended) session.wire.reply(`250 ${hostname}`, ...extensionsOf(session).map((line) => `250 ${line}`));
  else session.wire.reply(`250 ${hostname}`);
  return "go";
}

function extensionsOf(session: Session): string[] {
  const { limits } = session.context.options;
  const lines = [
    "PIPELINING",
    `SIZE ${limits.messageBytesMax}`,
    "8BITMIME",
    "SMTPUTF8",
    "DSN",
    "ENHANCEDSTATUSCODES",
    "CHUNKING",
  ];
  if (session.wire.tls === null) return [...lines, "STARTTLS"];
  if (session.offersAuth) lines.push("AUTH PLAIN LOGIN");
  if (session.offersRequireTls) lines.push("REQUIRETLS");
  return lines;
}

/** RFC 3207. A client that pipelines behind STARTTLS would have clear text taken for what came inside TLS. */
async function runStartTls(session: Session, argument: string): Promise<Next> {
  if (argument !== "") return session.refuse(REFUSALS.noArgument);
  if (session.wire.tls !== null) return session.refuse(REFUSALS.tlsActive);
  if (session.wire.input.hasBuffered) return session.refuseAndClose(REFUSALS.earlyHandshake);
  session.wire.reply("220 2.0.0 Ready to start TLS");
  return (await session.secure()) ? "go" : "close";
}

async function runRset(session: Session, argument: string): Promise<Next> {
  if (argument !== "") return session.refuse(REFUSALS.noArgument);
  await session.abandon();
  return answer(session, "250 2.0.0 OK");
}

function runQuit(session: Session): Next {
  session.wire.reply("221 2.0.0 Bye");
  return "close";
}

function answer(session: Session, reply: string): Next {
  session.wire.reply(reply);
  return "go";
}
