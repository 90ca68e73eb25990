/**
 * Opens a session: greeting, EHLO or HELO, STARTTLS, handshake, judgement of the peer, second EHLO (RFC 5321 section 3.2,
 * RFC 3207, RFC 7672, RFC 8461). Promises: what a server said in the clear counts for nothing once TLS is up; a host below the floor, or
 * short of what is asked of it besides, is left before it hears anything but our name; the rung is the one proven on this socket.
 */
import type { Clock } from "../../core/clock.ts";
import type { DaneFacts, Phase, RuleFacts, StsFacts, TlsFacts } from "../../core/outcome.ts";
import type { Rung } from "../../core/rung.ts";
import { meetsRung, strongerRung } from "../../core/rung.ts";
import type { Reply } from "../../parts/smtp/reply.ts";
import { toPeerReply } from "../../parts/smtp/reply.ts";
import type { ReplyPhase, ReplyVerdict } from "../../parts/smtp/reply-table.ts";
import { classifyReply } from "../../parts/smtp/reply-table.ts";
import { assessPeer } from "./assess-peer.ts";
import type { Choice } from "./assess-peer.ts";
import type { Connection } from "./connection.ts";
import { ConnectionLost } from "./connection.ts";
import { serverNameOf } from "./dane-demand.ts";
import type { Extensions } from "./extensions.ts";
import { NO_EXTENSIONS, readExtensions } from "./extensions.ts";
import { shortOfRung } from "./floor.ts";
import { demandsTls, violationOf, withoutStarttls } from "./host-demand.ts";
import type { AskedHost } from "./host-demand.ts";
import type { DeliverOptions } from "./options.ts";
import { certificateNameOf } from "./pin-demand.ts";
import { stsFactsOf } from "./sts-demand.ts";
import { tlsContextFor } from "./tls-context.ts";
import type { Deferral, HostVerdict } from "./verdicts.ts";

/** What became known on the way; the audit row of the attempt is made from it, however the attempt ends. */
export type Progress = {
  phase: Phase;
  localAddress: string | null;
  starttlsOffered: boolean;
  tls: TlsFacts | null;
  dane: DaneFacts;
  sts: StsFacts;
  rule: RuleFacts | null;
  rung: Rung | null;
  /** MAIL carried REQUIRETLS. */
  requireTls: boolean;
  lastReply: Reply | null;
};

export type Session = {
  readonly connection: Connection;
  readonly extensions: Extensions;
  readonly starttlsOffered: boolean;
  readonly tls: TlsFacts | null;
  readonly dane: DaneFacts;
  readonly sts: StsFacts;
  readonly rule: RuleFacts | null;
  readonly rung: Rung;
  /** Messages handed over on this connection. */
  messages: number;
};

export type SessionDemand = {
  readonly host: AskedHost;
  readonly choice: Choice;
  readonly minRung: Rung;
  /** False only for the one retry in the clear that the floor `plain` permits. */
  readonly tryTls: boolean;
};

export type Opening = { readonly kind: "open"; readonly session: Session } | HostVerdict;

type Context = { readonly options: DeliverOptions; readonly progress: Progress; readonly clock: Clock };

type Step<T> = { readonly kind: "ok"; readonly value: T } | HostVerdict;

/** Rejects with ConnectionLost; `progress` then tells the phase. */
export async function openSession(connection: Connection, demand: SessionDemand, context: Context): Promise<Opening> {
  const { options, progress } = context;
  progress.phase = "greeting";
  const greeting = await connection.reply(options.timeouts.greetingMs);
  const greeted = judge("greeting", greeting, progress);
  if (greeted.action !== "proceed") return hostVerdict(greeted, greeting);

  const clear = await hello(connection, "ehlo", context);
  if (clear.kind !== "ok") return clear;
  progress.starttlsOffered = clear.value.starttls;
  if (clear.value.starttls && demand.tryTls) return await openUnderTls(connection, demand, context);

  progress.rung = "plain";
  progress.sts = stsFactsOf(demand.host.sts, "broken");
  if (demandsTls(demand.host)) {
    progress.phase = "starttls";
    return withoutStarttls(demand.host, null);
  }
  if (!meetsRung("plain", demand.minRung)) {
    progress.phase = "starttls";
    return { kind: "below", code: "PST-DLV-007", rung: "plain", missing: [] };
  }
  return opened({ connection, extensions: clear.value, progress });
}

async function openUnderTls(connection: Connection, demand: SessionDemand, context: Context): Promise<Opening> {
  const { options, progress } = context;
  progress.phase = "starttls";
  await connection.write("STARTTLS\r\n", options.timeouts.blockMs);
  const reply = await connection.reply(options.timeouts.starttlsMs);
  const answered = judge("starttls", reply, progress);
  if (answered.action !== "proceed") {
    progress.sts = stsFactsOf(demand.host.sts, "broken");
    return withoutGoAhead(answered, reply, demand);
  }
  if (connection.hasUnread) {
    return { kind: "lane", code: "PST-DLV-010", status: "4.7.5", reply: null };
  }

  progress.phase = "handshake";
  const { host, choice, minRung } = demand;
  const offeredRung = demandsTls(host) ? strongerRung(minRung, "tls-unauthenticated") : minRung;
  const socket = await connection.secure({
    host: serverNameOf(host, certificateNameOf(host)),
    context: tlsContextFor(offeredRung, { options, rule: host.rule }),
    timeoutMs: options.timeouts.handshakeMs,
  });
  progress.phase = "verify";
  const seen = assessPeer(socket, { host, choice, fipsOnly: options.fipsOnly }, context.clock.now());
  Object.assign(progress, seen);
  const { tls, rung } = seen;
  const violation = violationOf(seen, host);
  if (violation !== null) return violation;
  if (!meetsRung(rung, minRung)) {
    return { kind: "below", code: shortOfRung(tls, rung), rung, missing: [] };
  }

  const secured = await hello(connection, "ehlo2", context);
  return secured.kind === "ok" ? opened({ connection, extensions: secured.value, progress }) : secured;
}

/** What follows when the answer to STARTTLS is no invitation. */
function withoutGoAhead(verdict: ReplyVerdict, reply: Reply, { host }: SessionDemand): HostVerdict {
  if (verdict.action !== "lane-deferred" && demandsTls(host)) return withoutStarttls(host, toPeerReply(reply));
  if (verdict.action === "below-floor") return { kind: "below", code: verdict.code, rung: "plain", missing: [] };
  return hostVerdict(verdict, reply);
}

function opened(parts: {
  readonly connection: Connection;
  readonly extensions: Extensions;
  readonly progress: Progress;
}): Opening {
  const { connection, extensions, progress } = parts;
  const { starttlsOffered, tls, dane, sts, rule, rung } = progress;
  if (rung === null) throw new Error("a session opened before its rung was known");
  return {
    kind: "open",
    session: { connection, extensions, starttlsOffered, tls, dane, sts, rule, rung, messages: 0 },
  };
}

async function hello(connection: Connection, phase: "ehlo" | "ehlo2", context: Context): Promise<Step<Extensions>> {
  const { options, progress } = context;
  progress.phase = phase;
  // A reply too many would be taken for the answer to EHLO, and what the server offers would be unknown.
  if (connection.hasUnread) throw new ConnectionLost("protocol");
  await connection.write(`EHLO ${options.helo}\r\n`, options.timeouts.blockMs);
  const reply = await connection.reply(options.timeouts.ehloMs);
  const verdict = judge(phase, reply, progress);
  if (verdict.action === "proceed") return { kind: "ok", value: readExtensions(reply) };
  if (verdict.action !== "use-helo") return hostVerdict(verdict, reply);

  await connection.write(`HELO ${options.helo}\r\n`, options.timeouts.blockMs);
  const second = await connection.reply(options.timeouts.ehloMs);
  const again = judge(phase, second, progress);
  if (again.action === "proceed") return { kind: "ok", value: NO_EXTENSIONS };
  if (again.action === "use-helo") {
    return { kind: "trouble", code: "PST-DLV-005", status: "4.3.2", reply: toPeerReply(second) };
  }
  return hostVerdict(again, second);
}

function judge(phase: ReplyPhase, reply: Reply, progress: Progress): ReplyVerdict {
  progress.lastReply = reply;
  return classifyReply(phase, reply, []);
}

/** Before MAIL a reply can only speak for the host or the lane. */
function hostVerdict(verdict: ReplyVerdict, reply: Reply): Deferral {
  const kind = verdict.action === "lane-deferred" ? "lane" : "trouble";
  if (verdict.action === "lane-deferred" || verdict.action === "next-host") {
    return { kind, code: verdict.code, status: verdict.status, reply: toPeerReply(reply) };
  }
  return { kind: "trouble", code: "PST-DLV-004", status: "4.5.0", reply: toPeerReply(reply) };
}
