/**
 * One connection to one address: taken from the pool or dialled, its transactions, and the facts for the audit.
 * Promises: a row of facts however it ends; what a loss means follows from the phase it happened in; a kept connection that had
 * ended unnoticed is no failure (`retry: "fresh"`); only the floor `plain` may ask for the retry in the clear, and not where TLS is
 * asked of the host.
 */
import type { Clock } from "../../core/clock.ts";
import type { BlobStore } from "../../core/blob-store.ts";
import type { AttemptFacts, Outcome } from "../../core/outcome.ts";
import { reached } from "../../core/failpoint.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { DeliveryRecipient, DeliveryRequest } from "../../core/stages.ts";
import { Connection, ConnectionLost } from "./connection.ts";
import type { ConnectionPool, PoolKey } from "./connection-pool.ts";
import { daneFactsOf, daneText, isHandshakeRefused } from "./dane-demand.ts";
import { demandOf, requireTlsOf } from "./floor.ts";
import { demandsTls, withoutHandshake } from "./host-demand.ts";
import type { AskedHost } from "./host-demand.ts";
import type { DeliverOptions } from "./options.ts";
import { ruleFactsOf, ruleText } from "./pin-demand.ts";
import type { Progress, Session } from "./session.ts";
import { openSession } from "./session.ts";
import { stsFactsOf, stsText } from "./sts-demand.ts";
import { transact } from "./transaction.ts";
import type { HostVerdict } from "./verdicts.ts";
import { verdictOfLoss } from "./verdicts.ts";

export type AttemptContext = {
  readonly options: DeliverOptions;
  readonly blobs: BlobStore;
  readonly clock: Clock;
  readonly pool: ConnectionPool;
  /** A session is open. */
  readonly spoken: () => void;
};

export type AttemptRequest = {
  readonly request: DeliveryRequest;
  readonly host: AskedHost;
  readonly address: string;
  /** Those whose fate is still open. */
  readonly recipients: readonly DeliveryRecipient[];
  readonly settle: (recipient: DeliveryRecipient, outcome: Outcome) => void;
  readonly mayReuse: boolean;
  readonly tryTls: boolean;
};

export type AttemptEnd = {
  readonly facts: AttemptFacts;
  readonly verdict: HostVerdict | null;
  /** The same address deserves another connection: a fresh one, or one without TLS. */
  readonly retry: "fresh" | "clear" | null;
};

export async function attempt(work: AttemptRequest, context: AttemptContext): Promise<AttemptEnd> {
  const { clock, pool } = context;
  const key = poolKeyOf(work, context.options);
  const startedAt = clock.now();
  const begun = clock.monotonic();
  const kept = work.mayReuse ? pool.take(key) : null;
  const progress = progressOf(kept, work.host);
  let settledCode: ReasonCode | null = null;
  const settle = (recipient: DeliveryRecipient, outcome: Outcome): void => {
    if (outcome.kind !== "delivered") settledCode = outcome.code;
    work.settle(recipient, outcome);
  };
  const verdict = await run({ ...work, settle }, { ...context, key, kept, progress });

  const retry = retryOf(work, { kept, progress, verdict });
  const facts: AttemptFacts = {
    host: work.host.name,
    address: work.address,
    port: key.port,
    ...(progress.localAddress !== null && { localAddress: progress.localAddress }),
    phase: progress.phase,
    starttlsOffered: progress.starttlsOffered,
    tls: progress.tls,
    dane: progress.dane,
    sts: progress.sts,
    ...(progress.rule === null ? {} : { rule: progress.rule }),
    rung: progress.rung,
    ...(progress.requireTls ? { requireTls: true } : {}),
    reused: kept !== null,
    code: codeOf({ retry, verdict, settledCode, progress }),
    replyCode: progress.lastReply?.code ?? null,
    enhanced: progress.lastReply?.enhanced ?? null,
    startedAt,
    durationMs: Math.round(clock.monotonic() - begun),
  };
  return { facts, verdict, retry };
}

type RunContext = AttemptContext & {
  readonly key: PoolKey;
  readonly kept: Session | null;
  readonly progress: Progress;
};

async function run(work: AttemptRequest, context: RunContext): Promise<HostVerdict | null> {
  const { options, kept, progress, key, clock } = context;
  const { signal, parcel, route } = work.request;
  let connection: Connection | null = kept?.connection ?? null;
  let unbind: (() => void) | null = null;
  try {
    if (signal.aborted) throw new ConnectionLost("aborted");
    const { address } = work;
    connection ??= await Connection.dial({ address, port: key.port, timeoutMs: options.timeouts.dialMs, signal });
    unbind = connection.bind(signal);
    progress.localAddress = connection.localAddress;
    await reached("deliver.connected");
    if (kept !== null) return await runTransactions(work, kept, context);
    connection.limit(options.timeouts.totalMs);
    const demand = { host: work.host, choice: route, minRung: parcel.minRung, tryTls: work.tryTls };
    const opening = await openSession(connection, demand, { options, progress, clock });
    if (opening.kind === "open") return await runTransactions(work, opening.session, context);
    // Whoever talks in the clear across STARTTLS is not told goodbye either.
    if (opening.code === "PST-DLV-010") connection.drop();
    connection.quit(options.timeouts.quitMs);
    return opening;
  } catch (error) {
    connection?.drop();
    if (!(error instanceof ConnectionLost)) throw error;
    return verdictOfLost(error, work.host, progress);
  } finally {
    unbind?.();
    connection?.limit(null);
  }
}

/** The end of a dialog before MAIL. */
export function verdictOfLost({ reason }: ConnectionLost, host: AskedHost, progress: Progress): HostVerdict {
  const isRefused = isHandshakeRefused(reason, progress.phase);
  if (isRefused) progress.sts = stsFactsOf(host.sts, "broken");
  return isRefused && demandsTls(host) ? withoutHandshake(host) : verdictOfLoss(reason, progress.phase);
}

async function runTransactions(
  work: AttemptRequest,
  session: Session,
  context: RunContext,
): Promise<HostVerdict | null> {
  const { options, blobs, progress, pool, key, spoken } = context;
  const { request, settle } = work;
  spoken();
  const host = work.host.name;
  const batchMax = options.recipientsPerTransactionMax;
  let left: HostVerdict | null = null;
  let isClean = true;
  for (let first = 0; first < work.recipients.length && isClean; first += batchMax) {
    const recipients = work.recipients.slice(first, first + batchMax);
    const demand = demandOf(request, work.host, recipients);
    const end = await transact({ session, host, request, recipients, demand, options, blobs, progress, settle });
    isClean = end.isClean;
    left = end.verdict ?? left;
    if (left !== null && left.kind !== "below") break;
    if (!isClean && first + batchMax < work.recipients.length) {
      left ??= { kind: "trouble", code: "PST-DLV-002", status: "4.4.2", reply: null };
    }
  }
  if (isClean) pool.put(key, session);
  else session.connection.quit(options.timeouts.quitMs);
  return left;
}

function retryOf(
  work: AttemptRequest,
  seen: { readonly kept: Session | null; readonly progress: Progress; readonly verdict: HostVerdict | null },
): AttemptEnd["retry"] {
  const { kept, progress, verdict } = seen;
  if (verdict === null || verdict.kind === "stop") return null;
  const isUnanswered = progress.lastReply === null || progress.lastReply.code === 421;
  // Below the step: nothing was asked on it, and a fresh one of the same server would offer the same.
  const hasEnded = verdict.kind !== "below" && isUnanswered;
  if (kept !== null && progress.phase === "mail" && hasEnded) return "fresh";
  if (verdict.kind === "lane" || !work.tryTls) return null;
  const { request, host } = work;
  const mayGoClear = request.parcel.minRung === "plain" && requireTlsOf(request) !== "require" && !demandsTls(host);
  const isTlsTrouble = progress.phase === "handshake" || (progress.phase === "starttls" && progress.starttlsOffered);
  return mayGoClear && isTlsTrouble ? "clear" : null;
}

function codeOf(end: {
  readonly retry: AttemptEnd["retry"];
  readonly verdict: HostVerdict | null;
  readonly settledCode: ReasonCode | null;
  readonly progress: Progress;
}): ReasonCode | null {
  if (end.retry === "fresh") return "PST-DLV-035";
  if (end.retry === "clear") return "PST-DLV-012";
  if (end.verdict !== null) return end.verdict.code;
  return end.progress.phase === "done" ? null : end.settledCode;
}

export function progressOf(kept: Session | null, host: AskedHost): Progress {
  return {
    phase: kept === null ? "dial" : "mail",
    localAddress: null,
    starttlsOffered: kept?.starttlsOffered ?? false,
    tls: kept?.tls ?? null,
    dane: kept?.dane ?? daneFactsOf(host.dane),
    sts: kept?.sts ?? stsFactsOf(host.sts),
    rule: kept?.rule ?? ruleFactsOf(host.rule),
    rung: kept?.rung ?? null,
    requireTls: false,
    lastReply: null,
  };
}

function poolKeyOf(work: AttemptRequest, options: DeliverOptions): PoolKey {
  const { request, host, address } = work;
  return {
    address,
    port: host.port ?? options.port,
    host: host.name,
    domain: request.domain,
    dane: daneText(host.dane),
    sts: stsText(host.sts),
    rule: ruleText(host.rule),
    choice: `${request.route.via} ${request.route.security}`,
    minRung: request.parcel.minRung,
    requireTls: requireTlsOf(request) === "require",
  };
}
