/**
 * Paths and their trailing parameters as MAIL and RCPT carry them (RFC 5321 section 4.1.1.2, 4.1.1.3).
 * Promises: never throws; source routes are read and ignored (RFC 5321 appendix C); at most 256 octets.
 */
import type { Mailbox } from "../../core/envelope.ts";
import type { MailboxProblem } from "./mailbox.ts";
import { parseMailbox } from "./mailbox.ts";

/** RFC 5321 section 4.5.3.1.3, with punctuation and brackets. */
const PATH_BYTES_MAX = 256;

export type PathProblem = MailboxProblem | "path-too-long";

export type PathResult =
  | {
      readonly kind: "mailbox";
      readonly mailbox: Mailbox;
      readonly needsSmtpUtf8: boolean;
      /** What follows the closing bracket, untrimmed. */
      readonly rest: string;
    }
  /** `<>`: the null sender. */
  | { readonly kind: "null"; readonly rest: string }
  /** `<postmaster>` without a domain, any case (RFC 5321 section 4.5.1). */
  | { readonly kind: "postmaster"; readonly rest: string }
  | { readonly kind: "bad"; readonly problem: PathProblem };

/** Parses the text after `FROM:` or `TO:`. Which kinds are allowed where is the caller's to say. */
export function parsePath(text: string): PathResult {
  const start = text.trimStart();
  if (!start.startsWith("<")) return { kind: "bad", problem: "syntax" };
  const end = closingBracket(start);
  if (end === -1) return { kind: "bad", problem: "syntax" };
  const rest = start.slice(end + 1);
  if (rest !== "" && !rest.startsWith(" ")) return { kind: "bad", problem: "syntax" };
  const inside = withoutSourceRoute(start.slice(1, end));
  if (inside === null) return { kind: "bad", problem: "syntax" };
  if (inside === "") return { kind: "null", rest };
  if (/^postmaster$/i.test(inside)) return { kind: "postmaster", rest };
  const parsed = parseMailbox(inside);
  if (parsed.kind === "bad") return parsed;
  if (Buffer.byteLength(inside) + 2 > PATH_BYTES_MAX) return { kind: "bad", problem: "path-too-long" };
  return { ...parsed, rest };
}

/** The bracket that closes the path; one inside a quoted local part does not. */
function closingBracket(text: string): number {
  let isQuoted = false;
  for (let at = 1; at < text.length; at++) {
    const character = text[at];
    if (isQuoted && character === "\\") at++;
    else if (character === '"') isQuoted = !isQuoted;
    else if (character === ">" && !isQuoted) return at;
  }
  return -1;
}

/** `@a,@b:user@c` becomes `user@c`; null where a route is begun and not ended. */
function withoutSourceRoute(path: string): string | null {
  if (!path.startsWith("@")) return path;
  const colon = /^@[^:"<>@\s,]+(?:,@[^:"<>@\s,]+)*:/.exec(path);
  return colon === null ? null : path.slice(colon[0].length);
}
