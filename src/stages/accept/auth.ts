/**
 * AUTH PLAIN and LOGIN (RFC 4954, RFC 4616) for submitters whose proof is a password.
 * Promises: no password crosses a connection without TLS; an unknown user takes as long as a wrong password; after
 * authFailuresMax failures the connection ends.
 */
import { assertNever } from "../../core/assert-never.ts";
import { equalTexts, verifyPassword } from "./password.ts";
import { usersOf } from "./proof.ts";
import { REFUSALS } from "./replies.ts";
import type { Next, Session } from "./session.ts";

type Credentials = { readonly kind: "credentials"; readonly name: string; readonly password: string };
type Exchange = Credentials | { readonly kind: "cancelled" | "malformed" | "gone" };

export async function runAuth(session: Session, argument: string): Promise<Next> {
  const early = refuseEarly(session);
  if (early !== null) return early;
  const [mechanism = "", initial, ...more] = argument.split(/ +/);
  if (mechanism === "" || more.length > 0) return session.refuse(REFUSALS.authSyntax);
  const exchange = await converse(session, mechanism.toUpperCase(), initial ?? null);
  if (exchange === null) return session.refuse(REFUSALS.authMechanism);
  switch (exchange.kind) {
    case "gone":
      return "close";
    case "cancelled":
      return session.refuse(REFUSALS.authCancelled);
    case "malformed":
      return session.refuse(REFUSALS.authSyntax);
    case "credentials":
      return await judge(session, exchange);
    default:
      return assertNever(exchange);
  }
}

function refuseEarly(session: Session): Next | null {
  if (usersOf(session.submitters).length === 0) return session.refuse(REFUSALS.notOffered);
  if (session.wire.tls === null) return session.refuse(REFUSALS.authNeedsTls);
  if (session.helo === null || !session.isExtended) return session.refuse(REFUSALS.helloFirst);
  if (session.isBarred("authFailures")) return session.refuse(REFUSALS.peerAuthFailures);
  if (session.user !== null) return session.refuse(REFUSALS.authTwice);
  return session.transaction === null ? null : session.refuse(REFUSALS.authInTransaction);
}

/** null for a mechanism that is not offered. */
async function converse(session: Session, mechanism: string, initial: string | null): Promise<Exchange | null> {
  if (mechanism === "PLAIN") {
    const answer = initial ?? (await challenge(session, ""));
    return answer === null ? { kind: "gone" } : parsePlain(answer);
  }
  if (mechanism !== "LOGIN") return null;
  const name = initial ?? (await challenge(session, "Username:"));
  if (name === null) return { kind: "gone" };
  if (name === "*") return { kind: "cancelled" };
  const password = await challenge(session, "Password:");
  if (password === null) return { kind: "gone" };
  if (password === "*") return { kind: "cancelled" };
  const [decodedName, decodedPassword] = [decodeBase64(name), decodeBase64(password)];
  if (decodedName === null || decodedPassword === null) return { kind: "malformed" };
  return { kind: "credentials", name: decodedName, password: decodedPassword };
}

async function challenge(session: Session, prompt: string): Promise<string | null> {
  session.wire.reply(`334 ${Buffer.from(prompt).toString("base64")}`);
  return await session.readResponse();
}

/** RFC 4616: `[authzid] NUL authcid NUL passwd`; another authzid than the user is not ours to grant. */
function parsePlain(answer: string): Exchange {
  if (answer === "*") return { kind: "cancelled" };
  const parts = decodeBase64(answer)?.split("\0");
  if (parts === undefined || parts.length !== 3) return { kind: "malformed" };
  const [authorization = "", name = "", password = ""] = parts;
  if (authorization !== "" && authorization !== name) return { kind: "malformed" };
  return { kind: "credentials", name, password };
}

/** `=` stands for the empty string (RFC 4954 section 4). */
function decodeBase64(text: string): string | null {
  if (text === "=") return "";
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) return null;
  return Buffer.from(text, "base64").toString("utf8");
}

async function judge(session: Session, { name, password }: Credentials): Promise<Next> {
  const users = usersOf(session.submitters);
  const named = users.filter(({ user }) => equalTexts(user.name, name));
  for (const { submitter, user } of named) {
    if (await verifyPassword(password, user.password)) {
      session.user = { submitter };
      session.wire.reply("235 2.7.0 Authenticated");
      return "go";
    }
  }
  // An unknown user costs what a known one costs.
  const [anyone] = users;
  if (named.length === 0 && anyone !== undefined) await verifyPassword(password, anyone.user.password);
  session.offend("authFailures");
  const isLocked = ++session.authFailures >= session.context.options.limits.authFailuresMax;
  return session.refuse(isLocked ? REFUSALS.authLocked : REFUSALS.authFailed);
}
