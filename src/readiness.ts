/** Whether mail should be sent here now, and if not why: what /readyz answers. Unknown is not ready. */
import type { ReasonCode } from "./core/reason-codes.ts";
import type { Sealer } from "./core/sealer.ts";
import type { Validity } from "./parts/alerts/certificates.ts";

export type ReadyFacts = {
  readonly isStarted: boolean;
  readonly isDraining: boolean;
  /** The writer took a transaction and answered. */
  readonly isWriting: boolean;
  readonly isSpoolHealthy: boolean;
  /** What presses so hard that no new mail is taken. */
  readonly pressing: readonly ReasonCode[];
  readonly certificate: Validity | null;
  readonly areKeysWorking: boolean;
  readonly now: number;
};

export function unreadyReasons(facts: ReadyFacts): readonly ReasonCode[] {
  if (!facts.isStarted) return ["PST-MON-001"];
  const { pressing, certificate, now } = facts;
  const checks: readonly (readonly [ReasonCode, boolean])[] = [
    ["PST-MON-002", facts.isDraining],
    ["PST-MON-003", !facts.isWriting],
    ["PST-MON-004", !facts.isSpoolHealthy],
    ["PST-MON-006", certificate === null || now < certificate.notBefore || now > certificate.notAfter],
    ["PST-MON-007", !facts.areKeysWorking],
  ];
  return [...checks.filter(([, isMet]) => isMet).map(([code]) => code), ...pressing];
}

/** The keys loaded are those that seal and open. */
export function areKeysWorking(sealer: Pick<Sealer, "seal" | "open">): boolean {
  const sample = "postern";
  try {
    return sealer.open(sealer.seal(sample, "readiness"), "readiness") === sample;
  } catch {
    // The answer is the result: no.
    return false;
  }
}
