/**
 * The words in which the files of this folder tell each other what a host came to, and how they become Outcomes.
 * Promises: `unmet` is said only when every MX host answered and none can meet the step; trouble anywhere means deferral, and so
 * does a host that breaks what DNS asks of it, whatever the others say.
 */
import { assertNever } from "../../core/assert-never.ts";
import type { MissingExtension, Outcome, PeerFacts, Phase } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import { meetsRung } from "../../core/rung.ts";
import type { EnhancedStatus, PeerReply } from "../../core/status.ts";
import type { LossReason } from "./connection.ts";

/** What one connection came to for the recipients it did not settle. */
export type HostVerdict =
  /** `trouble`: try the next host. `lane`: the destination turns us away. `stop`: the fault is ours, or we were told to stop. */
  | {
      readonly kind: "trouble" | "lane" | "stop";
      readonly code: ReasonCode;
      readonly status: EnhancedStatus<4>;
      readonly reply: PeerReply | null;
      /** What came of a question in DNS about the host, in our own words. */
      readonly detail?: string;
    }
  /** The host does not live up to what DNS asks of it: an attack, or an error over there. `rung`: what it would have been worth. */
  | {
      readonly kind: "violated";
      readonly code: ReasonCode;
      readonly status: EnhancedStatus<4>;
      readonly reply: PeerReply | null;
      readonly rung: Rung;
    }
  /** The host answered and cannot meet the step. */
  | {
      readonly kind: "below";
      readonly code: ReasonCode;
      readonly rung: Rung | null;
      readonly missing: readonly MissingExtension[];
    };

export type Deferral = Exclude<HostVerdict, { kind: "below" }>;

/** What the loss of a connection means before the final dot was sent; after it, it is ambiguous (transaction.ts). */
export function verdictOfLoss(reason: LossReason, phase: Phase): HostVerdict {
  switch (reason) {
    case "refused":
      return { kind: "trouble", code: "PST-DLV-001", status: "4.4.1", reply: null };
    case "timeout":
      return { kind: "trouble", code: "PST-DLV-003", status: phase === "dial" ? "4.4.1" : "4.4.2", reply: null };
    case "closed":
      return { kind: "trouble", code: "PST-DLV-002", status: "4.4.2", reply: null };
    case "protocol":
      return { kind: "trouble", code: "PST-DLV-004", status: "4.5.0", reply: null };
    case "tls":
      return phase === "handshake"
        ? { kind: "below", code: "PST-DLV-008", rung: "plain", missing: [] }
        : { kind: "trouble", code: "PST-DLV-002", status: "4.4.2", reply: null };
    case "aborted":
      return { kind: "stop", code: "PST-DLV-033", status: "4.3.2", reply: null };
    default:
      return assertNever(reason);
  }
}

export type HostResult = { readonly host: string; readonly verdict: HostVerdict };

/** The outcome for recipients no host settled. `results` in the order the hosts were tried, one per host. */
export function outcomeOfHosts(results: readonly HostResult[], minRung: Rung): Outcome {
  const unmet = factsOf(results, minRung);
  const first = results.find(({ verdict }) => verdict.kind === "below")?.verdict;
  // The last trouble tells most: a lane or stop verdict ends the walk and stands last.
  const last = results.findLast(({ verdict }) => verdict.kind !== "below");
  if (last === undefined || last.verdict.kind === "below") {
    if (first === undefined || unmet === null) return deferredLane("PST-DLV-031", "4.4.4");
    return { kind: "unmet", observed: unmet, code: first.code };
  }
  const { kind, code, status, reply } = last.verdict;
  const detail = "detail" in last.verdict ? { detail: last.verdict.detail } : {};
  return {
    ...detail,
    kind: "deferred",
    scope: kind === "stop" ? "recipient" : "lane",
    status,
    code,
    reply,
    host: last.host,
    unmet,
  };
}

/** A deferral of the destination that no host's answer caused. */
export function deferredLane(code: ReasonCode, status: EnhancedStatus<4>): Outcome {
  return { kind: "deferred", scope: "lane", status, code, reply: null, host: null, unmet: null };
}

type PeerShort = { readonly rung: Rung | null; readonly missing: readonly MissingExtension[] };

/** null where nobody is below the step: a host that broke what DNS asks counts when its rung is. */
function factsOf(results: readonly HostResult[], minRung: Rung): PeerFacts | null {
  const below = results.flatMap(({ verdict }): readonly PeerShort[] => {
    if (verdict.kind === "below") return [verdict];
    return verdict.kind === "violated" && !meetsRung(verdict.rung, minRung) ? [{ ...verdict, missing: [] }] : [];
  });
  if (below.length === 0) return null;
  const rungs = below.flatMap(({ rung }) => (rung === null ? [] : [rung]));
  const bestRung = rungs.reduce<Rung | null>(
    (best, rung) => (best !== null && meetsRung(best, rung) ? best : rung),
    null,
  );
  return { bestRung, missing: [...new Set(below.flatMap(({ missing }) => missing))] };
}
