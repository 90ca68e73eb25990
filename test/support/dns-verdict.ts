/**
 * What octets of a DNS response justify saying, worked out apart from the code under test. `unavailable` and `bogus` are always
 * justified: both make mail wait.
 */
import type { DnsAnswer } from "../../src/core/dns-answer.ts";
import { CLASS_IN, FLAGS, readMessage, TYPE } from "./dns-wire.ts";
import type { ReadMessage } from "./dns-wire.ts";

export type WireQuestion = { readonly id: number; readonly name: string; readonly type: number };

/** Stand in the answer section without being asked for: aliases, and what comes with signed zones. */
const BESIDE: ReadonlySet<number> = new Set([TYPE.CNAME, TYPE.DNAME, TYPE.RRSIG]);

/** What is wrong with `answer`, or null where the octets bear it out. */
export function overclaim(answer: DnsAnswer<unknown>, bytes: Buffer, asked: WireQuestion): string | null {
  if (answer.kind === "unavailable" || answer.kind === "bogus") return null;
  const message = readMessage(bytes);
  if (message === null) return `${answer.kind} from what is no whole message`;
  if (!answers(message, asked)) return `${answer.kind} from what answers another question`;
  if (answer.security === "secure" && (message.flags & FLAGS.ad) === 0) return "secure without the AD bit";
  return answer.kind === "found" ? foundWrongly(message, asked) : deniedWrongly(message, answer.reason);
}

function answers({ id, flags, questions }: ReadMessage, asked: WireQuestion): boolean {
  const [question] = questions;
  return (
    id === asked.id &&
    (flags & FLAGS.qr) !== 0 &&
    (flags & 0x7800) === 0 &&
    (flags & FLAGS.tc) === 0 &&
    questions.length === 1 &&
    question?.name === asked.name &&
    question.type === asked.type &&
    question.class === CLASS_IN
  );
}

function foundWrongly({ rcode, answers: records }: ReadMessage, asked: WireQuestion): string | null {
  if (rcode !== 0) return `found with rcode ${rcode}`;
  const fits = records.some(({ type, class: cls }) => type === asked.type && cls === CLASS_IN);
  return fits ? null : "found without a record of the type";
}

function deniedWrongly({ rcode, flags, answers: records }: ReadMessage, reason: "nxdomain" | "nodata"): string | null {
  if (rcode !== (reason === "nxdomain" ? 3 : 0)) return `${reason} with rcode ${rcode}`;
  if (reason === "nodata" && (flags & (FLAGS.ra | FLAGS.aa)) === 0) return "nodata from a server that could not know";
  const other = records.find(({ type, class: cls }) => !BESIDE.has(type) || cls !== CLASS_IN);
  return other === undefined ? null : `${reason} beside an answer of type ${other.type}, class ${other.class}`;
}
