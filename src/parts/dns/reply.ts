/**
 * What one question to one server came to, and the check that a message answers that question at all (RFC 5452 section 9).
 * Meaning is left to answer.ts.
 */
import { CLASS_IN, decodeMessage, RCODE, TYPE_CODE } from "./codec.ts";
import type { DnsMessage, RecordType } from "./codec.ts";
import type { ServerAddress } from "./server-address.ts";

export type DnsQuestion = { readonly name: string; readonly type: RecordType };

/** One attempt: these bytes, to this server, for at most this long. */
export type Attempt = {
  readonly server: ServerAddress;
  readonly id: number;
  readonly question: DnsQuestion;
  readonly query: Buffer;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
};

export type Reply =
  | { readonly kind: "message"; readonly message: DnsMessage }
  | { readonly kind: "timeout" }
  | { readonly kind: "malformed" }
  /** `detail` is an errno name. */
  | { readonly kind: "network"; readonly detail: string }
  | { readonly kind: "aborted" };

const FAILURE_ONLY: ReadonlySet<number> = new Set([RCODE.formErr, RCODE.servFail, RCODE.notImp, RCODE.refused]);

/** `ignored`: not ours, or not provably ours; the asker goes on waiting. */
export function readReply(bytes: Buffer, attempt: Attempt): Reply | { readonly kind: "ignored" } {
  if (bytes.length < 3 || bytes.readUInt16BE(0) !== attempt.id) return { kind: "ignored" };
  const message = decodeMessage(bytes);
  if (message === null) return { kind: "malformed" };
  return isAnswerTo(message, attempt) ? { kind: "message", message } : { kind: "ignored" };
}

function isAnswerTo(message: DnsMessage, attempt: Attempt): boolean {
  if (!message.isResponse || message.opcode !== 0 || message.id !== attempt.id) return false;
  const [question, ...more] = message.questions;
  // A server that could not read the question may leave it out, but then it may only complain.
  if (question === undefined) return FAILURE_ONLY.has(message.rcode) && message.answers.length === 0;
  return (
    more.length === 0 &&
    question.type === TYPE_CODE[attempt.question.type] &&
    question.class === CLASS_IN &&
    question.name.toLowerCase() === attempt.question.name.toLowerCase()
  );
}

/** The errno name of a socket error; its message may hold addresses and is dropped. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : "ERROR";
}
