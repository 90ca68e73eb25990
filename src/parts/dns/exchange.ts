/**
 * One question to the configured servers, one after the other. Promises: ends after at most
 * servers × (1 + retries) × 2 × timeoutMs; a truncated answer is asked again over TCP and never used; AD counts only from a
 * server trusted to validate. Where any server is so trusted, the others are not asked: an attacker who can silence the
 * validator must not be able to move us to an answer without validation. A verdict of `bogus` is final for the same reason.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { DnsAnswer } from "../../core/dns-answer.ts";
import { readAnswer } from "./answer.ts";
import { encodeQuery } from "./codec.ts";
import type { DnsRecord } from "./codec.ts";
import type { Attempt, DnsQuestion, Reply } from "./reply.ts";
import type { ServerAddress } from "./server-address.ts";
import { askByTcp } from "./tcp.ts";
import { askByUdp } from "./udp.ts";

export type ExchangeOptions = {
  /** At least one, in the order to be asked. */
  readonly servers: readonly ServerAddress[];
  /** Whether AD from these servers is believed. */
  readonly isTrusted: boolean;
  /** Of one attempt with one server over one protocol. */
  readonly timeoutMs: number;
  /** Rounds after the first, over the servers that stayed silent. */
  readonly retries: number;
  readonly randomBytes: (size: number) => Uint8Array;
};

export type Exchange = typeof exchange;

export async function exchange(
  question: DnsQuestion,
  options: ExchangeOptions,
  signal: AbortSignal,
): Promise<DnsAnswer<readonly DnsRecord[]>> {
  let last: DnsAnswer<readonly DnsRecord[]> = { kind: "unavailable", detail: "no server answered" };
  let candidates = options.servers;
  for (let round = 0; round <= options.retries && candidates.length > 0; round += 1) {
    const silent: ServerAddress[] = [];
    for (const server of candidates) {
      const reply = await ask(newAttempt(question, server, { ...options, signal }));
      if (reply.kind === "aborted") return { kind: "unavailable", detail: "aborted" };
      last = read(reply, question, options.isTrusted);
      if (last.kind !== "unavailable") return last;
      if (reply.kind !== "message") silent.push(server);
    }
    candidates = silent;
  }
  return last;
}

function newAttempt(
  question: DnsQuestion,
  server: ServerAddress,
  options: ExchangeOptions & { readonly signal: AbortSignal },
): Attempt {
  const [high = 0, low = 0] = options.randomBytes(2);
  const id = high * 256 + low;
  const query = encodeQuery({ id, name: question.name, type: question.type });
  return { server, id, question, query, timeoutMs: options.timeoutMs, signal: options.signal };
}

async function ask(attempt: Attempt): Promise<Reply> {
  const reply = await askByUdp(attempt);
  return reply.kind === "message" && reply.message.isTruncated ? askByTcp(attempt) : reply;
}

function read(reply: Reply, question: DnsQuestion, isTrusted: boolean): DnsAnswer<readonly DnsRecord[]> {
  switch (reply.kind) {
    case "message": {
      if (reply.message.isTruncated) return { kind: "unavailable", detail: "answer truncated over TCP" };
      return readAnswer({ ...reply.message, isAuthenticated: reply.message.isAuthenticated && isTrusted }, question);
    }
    case "network":
      return { kind: "unavailable", detail: `network error ${reply.detail}` };
    case "timeout":
    case "malformed":
    case "aborted":
      return { kind: "unavailable", detail: reply.kind };
    default:
      return assertNever(reply);
  }
}
