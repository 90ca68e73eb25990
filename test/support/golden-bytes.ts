/** Compares what arrived with what was submitted: which header fields went, changed or came, and whether the body is the same. */
import { simpleParser } from "mailparser";
import type { ParsedMail } from "mailparser";

/** `as submitted`: every byte below the trace fields. */
export type BytesVerdict =
  | "as submitted"
  | {
      readonly removed: readonly string[];
      readonly rewritten: Readonly<Record<string, string>>;
      readonly added: readonly string[];
      readonly body: "as submitted" | "same after decoding" | "different";
      readonly isSevenBit: boolean;
    };

const TRACE_FIELDS = ["received", "x-postern-loop"];

type Split = { readonly fields: readonly Buffer[]; readonly body: Buffer };

/** Throws where the trace fields do not stand on top. */
export async function compareBytes(submitted: Buffer, arrived: Buffer): Promise<BytesVerdict> {
  const { trace, rest } = withoutTrace(arrived);
  if (trace.join() !== TRACE_FIELDS.join()) throw new Error(`the trace fields are ${trace.join()}`);
  if (rest.equals(submitted)) return "as submitted";
  const before = split(submitted);
  const after = split(rest);
  const { removed, rewritten, added } = compareFields(before.fields, after.fields);
  const isSame = before.body.equals(after.body);
  return {
    removed,
    rewritten,
    added,
    body: isSame ? "as submitted" : (await readsTheSame(submitted, rest)) ? "same after decoding" : "different",
    isSevenBit: rest.every((byte) => byte < 128),
  };
}

function withoutTrace(arrived: Buffer): { readonly trace: readonly string[]; readonly rest: Buffer } {
  const { fields } = split(arrived);
  const trace = fields.slice(0, TRACE_FIELDS.length);
  const bytes = trace.reduce((sum, field) => sum + field.length, 0);
  return { trace: trace.map(nameOf), rest: arrived.subarray(bytes) };
}

/** Whole fields with their line ends, folded lines included. */
function split(message: Buffer): Split {
  const end = message.indexOf("\r\n\r\n");
  const header = message.subarray(0, end + 2).toString("latin1");
  const fields = header.split(/(?<=\r\n)(?![ \t])/).filter((field) => field !== "");
  return { fields: fields.map((field) => Buffer.from(field, "latin1")), body: message.subarray(end + 4) };
}

function compareFields(
  before: readonly Buffer[],
  after: readonly Buffer[],
): Pick<Exclude<BytesVerdict, string>, "removed" | "rewritten" | "added"> {
  const removed: string[] = [];
  const rewritten: Record<string, string> = {};
  let at = 0;
  for (const field of before) {
    const next = after[at];
    if (next?.equals(field) === true) at += 1;
    else if (next !== undefined && nameOf(next) === nameOf(field)) {
      rewritten[nameOf(field)] = valueOf(next);
      at += 1;
    } else removed.push(nameOf(field));
  }
  return { removed, rewritten, added: after.slice(at).map(nameOf) };
}

function nameOf(field: Buffer): string {
  return field.toString("latin1").split(":", 1)[0]?.toLowerCase() ?? "";
}

function valueOf(field: Buffer): string {
  return field
    .toString("utf8")
    .replace(/^[^:]*:/, "")
    .trim();
}

async function readsTheSame(a: Buffer, b: Buffer): Promise<boolean> {
  const [one, other] = await Promise.all([readable(a), readable(b)]);
  return one === other;
}

async function readable(message: Buffer): Promise<string> {
  const mail: ParsedMail = await simpleParser(message, { skipImageLinks: true });
  const attachments = mail.attachments.map(({ content, contentType, filename }) => [
    contentType,
    filename,
    content.toString("base64"),
  ]);
  return JSON.stringify([mail.subject, mail.text, mail.html, attachments]);
}
