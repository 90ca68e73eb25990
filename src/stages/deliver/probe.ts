/**
 * Opens a session with one address of a mail server exactly as a delivery would, looks at it, and says QUIT.
 * Promises: MAIL is never said and nothing of any message is at hand to be sent; the handshake offers what a floor above `plain` offers; facts
 * come back however it ends. Leaves to others: whom to look at, and what the facts are worth.
 */
import type { X509Certificate } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { AttemptFacts } from "../../core/outcome.ts";
import type { Rung } from "../../core/rung.ts";
import type { Choice } from "./assess-peer.ts";
import { progressOf, verdictOfLost } from "./attempt.ts";
import { Connection, ConnectionLost } from "./connection.ts";
import type { AskedHost } from "./host-demand.ts";
import type { DeliverOptions } from "./options.ts";
import { openSession } from "./session.ts";
import type { HostVerdict } from "./verdicts.ts";

export type ProbeRequest = {
  readonly host: AskedHost;
  readonly address: string;
  readonly choice: Choice;
  readonly signal: AbortSignal;
};

export type Probe = {
  readonly facts: Omit<AttemptFacts, "reused">;
  /** Why a delivery that asks for TLS would not have gone on to MAIL; null where it would have. */
  readonly verdict: HostVerdict | null;
  readonly certificate: X509Certificate | null;
  /** This machine has no way to addresses of that kind: nothing is learned about the other side. */
  readonly isUnroutable: boolean;
};

const OFFERED_RUNG: Rung = "tls-unauthenticated";
const UNROUTABLE: readonly unknown[] = ["ENETUNREACH", "EADDRNOTAVAIL", "EAFNOSUPPORT"];

export async function probe(
  { host, address, choice, signal }: ProbeRequest,
  { options, clock }: { readonly options: DeliverOptions; readonly clock: Clock },
): Promise<Probe> {
  const { timeouts } = options;
  const port = host.port ?? options.port;
  const startedAt = clock.now();
  const begun = clock.monotonic();
  const progress = progressOf(null, host);
  const endWith = (verdict: HostVerdict | null, seen: Pick<Probe, "certificate" | "isUnroutable">): Probe => {
    const { phase, starttlsOffered, tls, dane, sts, rule, rung, lastReply } = progress;
    const replied = { replyCode: lastReply?.code ?? null, enhanced: lastReply?.enhanced ?? null };
    const durationMs = Math.round(clock.monotonic() - begun);
    const judged = { dane, sts, ...(rule === null ? {} : { rule }) };
    const dialog = { phase, starttlsOffered, tls, ...judged, rung, code: verdict?.code ?? null, ...replied };
    return { ...seen, verdict, facts: { host: host.name, address, port, ...dialog, startedAt, durationMs } };
  };

  let connection: Connection | null = null;
  let unbind: (() => void) | null = null;
  try {
    connection = await Connection.dial({ address, port, timeoutMs: timeouts.dialMs, signal });
    unbind = connection.bind(signal);
    connection.limit(timeouts.totalMs);
    const demand = { host, choice, minRung: OFFERED_RUNG, tryTls: true };
    const opening = await openSession(connection, demand, { options, progress, clock });
    const certificate = connection.peerCertificate;
    // Whoever talks in the clear across STARTTLS is not told goodbye either.
    if (opening.kind !== "open" && opening.code === "PST-DLV-010") connection.drop();
    connection.quit(timeouts.quitMs);
    return endWith(opening.kind === "open" ? null : opening, { certificate, isUnroutable: false });
  } catch (error) {
    const certificate = connection?.peerCertificate ?? null;
    connection?.drop();
    if (!(error instanceof ConnectionLost)) throw error;
    return endWith(verdictOfLost(error, host, progress), { certificate, isUnroutable: isUnroutable(error) });
  } finally {
    unbind?.();
    connection?.limit(null);
  }
}

/** The system's own word, however deep below the loss it stands. */
function isUnroutable(error: Error): boolean {
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if ("code" in cause && UNROUTABLE.includes(cause.code)) return true;
  }
  return false;
}
