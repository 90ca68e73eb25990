/**
 * From a message to the four-way answer `found | absent | bogus | unavailable` (RFC 2308, RFC 8914). Promises: only a clean
 * NXDOMAIN or an empty answer of a server that was able to know becomes `absent`, and neither where records stand beside it that
 * nobody asked for; everything else that is not an answer is `unavailable`, or `bogus` where the server says that validation failed. CNAME chains are followed within the answer, but for a
 * question about the alias itself; AD covers the whole of it, so an alias into an unsigned zone is insecure (RFC 4035 section 3.2.3).
 */
import type { DnsAnswer, DnsSecurity } from "../../core/dns-answer.ts";
import { RCODE, TYPE_CODE } from "./codec.ts";
import type { DnsMessage, DnsRecord } from "./codec.ts";
import { toQueryName } from "./host-name.ts";
import type { DnsQuestion } from "./reply.ts";

/** Aliases in one chain; others allow 8 to 16. */
const ALIASES_MAX = 12;

/**
 * Extended errors of a failed validation: 6 bogus, 7 and 8 and 25 signature dates, 9 DNSKEY missing, 10 RRSIGs missing,
 * 11 no zone key bit, 12 NSEC missing; 1, 2, 5 and 27 where the validator could not come to a verdict. They count only
 * beside SERVFAIL. A validator without extended errors says a bare SERVFAIL, which is `unavailable`: both defer.
 */
const VALIDATION_ERRORS: ReadonlySet<number> = new Set([1, 2, 5, 6, 7, 8, 9, 10, 11, 12, 25, 27]);

/** Told of one answer. */
const EXTENDED_ERRORS_MAX = 8;

/** Come beside aliases: what they were made from, and signatures. */
const BESIDE_ALIASES: ReadonlySet<number> = new Set([39, 46]);

/** The records asked for at the end of the alias chain, all of one type. */
export function readAnswer(message: DnsMessage, question: DnsQuestion): DnsAnswer<readonly DnsRecord[]> {
  const security: DnsSecurity = message.isAuthenticated ? "secure" : "insecure";
  switch (message.rcode) {
    case RCODE.noError:
      return readRecords(message, question, security);
    case RCODE.nxDomain:
      return readDenial(message, question, { reason: "nxdomain", security });
    case RCODE.servFail:
      return message.extendedErrors.some((code) => VALIDATION_ERRORS.has(code))
        ? { kind: "bogus", detail: withExtendedErrors("DNSSEC validation failed", message) }
        : { kind: "unavailable", detail: withExtendedErrors("SERVFAIL", message) };
    case RCODE.refused:
      return { kind: "unavailable", detail: withExtendedErrors("REFUSED", message) };
    default:
      return { kind: "unavailable", detail: withExtendedErrors(`rcode ${message.rcode}`, message) };
  }
}

/** By number: the text beside them is the server's (RFC 8914 section 2). */
function withExtendedErrors(what: string, { extendedErrors }: DnsMessage): string {
  const told = extendedErrors.slice(0, EXTENDED_ERRORS_MAX).join(", ");
  return told === "" ? what : `${what} (extended error ${told})`;
}

function readRecords(
  message: DnsMessage,
  question: DnsQuestion,
  security: DnsSecurity,
): DnsAnswer<readonly DnsRecord[]> {
  const end = endOfAliases(message.answers, question);
  if (end === null) return BROKEN_CHAIN;
  const { owner } = end;
  const records = message.answers.filter((record) => isOfType(record, question.type) && sameName(record.name, owner));
  if (records.length > 0) {
    const expanded = sameName(owner, question.name) ? {} : { expandedName: owner };
    return { kind: "found", value: records, security, ...expanded };
  }
  // An empty answer of a server that neither holds the zone nor resolves is a referral, not a denial.
  if (!message.canRecurse && !message.isAuthoritative)
    return { kind: "unavailable", detail: "server does not recurse" };
  return readDenial(message, question, { reason: "nodata", security });
}

const BROKEN_CHAIN = {
  kind: "unavailable",
  detail: "CNAME chain loops, is too long or holds an invalid name",
} as const;

/** Nothing but the aliases on the way may stand there: what denies and answers at once is taken for neither. */
function readDenial(
  { answers }: DnsMessage,
  question: DnsQuestion,
  denial: { readonly reason: "nxdomain" | "nodata"; readonly security: DnsSecurity },
): DnsAnswer<readonly DnsRecord[]> {
  const end = endOfAliases(answers, question);
  if (end === null) return BROKEN_CHAIN;
  const others = answers.filter((record) => record.type !== "other" || !BESIDE_ALIASES.has(record.code));
  return others.length === end.aliases
    ? { kind: "absent", ...denial }
    : { kind: "unavailable", detail: "answer holds records that nobody asked for" };
}

type EndOfAliases = { readonly owner: string; readonly aliases: number };

/** The name at the end of the chain, or null where there is no end. A question about an alias is not led on by it. */
function endOfAliases(records: readonly DnsRecord[], question: DnsQuestion): EndOfAliases | null {
  let owner = question.name;
  if (question.type === "CNAME") return { owner, aliases: 0 };
  for (let aliases = 0; aliases <= ALIASES_MAX; aliases += 1) {
    const current = owner;
    const alias = records.find((record) => record.type === "CNAME" && sameName(record.name, current));
    if (alias === undefined || alias.type !== "CNAME") return { owner, aliases };
    const target = toQueryName(alias.target);
    if (target === null) return null;
    owner = target;
  }
  return null;
}

/** Of a type whose records nobody reads, that they are there is known by their number. */
function isOfType(record: DnsRecord, type: DnsQuestion["type"]): boolean {
  return record.type === type || (record.type === "other" && record.code === TYPE_CODE[type]);
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
