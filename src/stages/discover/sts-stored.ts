/** A policy as it is remembered across restarts. Promises: whatever stands there is read whole or not at all. */
import type { DomainFact } from "../../core/domain-facts.ts";
import type { StsFailure, StsPolicy } from "../../core/sts.ts";
import { isInForce } from "../../parts/sts/policy-state.ts";
import type { HeldPolicy, Known, StsTrouble } from "../../parts/sts/policy-state.ts";

export type Stored = Known & {
  /** When mail last asked for it. */
  readonly usedAt: number;
};

/** One that no mail has asked for so long is forgotten. */
const UNUSED_MS_MAX = 180 * 86_400_000;

/** null where there is no policy to remember. */
export function toFact(domain: string, { held, trouble, usedAt }: Stored, now: number): DomainFact | null {
  if (held === null) return null;
  return {
    domain,
    value: { version: 1, held, trouble, usedAt },
    lookAt: lookAt({ held, trouble }, now),
    forgetAt: usedAt + UNUSED_MS_MAX,
  };
}

/** When it should be renewed; one that protects nothing, or not any more, waits for the next mail. */
export function lookAt({ held, trouble }: Known, now: number): number | null {
  if (!isInForce(held, now) || held.policy.mode === "none") return null;
  return Math.max(held.refreshAt, trouble?.retryAt ?? 0);
}

/** Throws where it is not what this version writes. */
export function readStored({ value }: Pick<DomainFact, "value">): Stored {
  const { version, held, trouble, usedAt } = fieldsOf(value);
  if (version !== 1) throw new Error("a policy of a version nobody knows");
  return { held: readHeld(held), trouble: trouble === null ? null : readTrouble(trouble), usedAt: numberOf(usedAt) };
}

function readHeld(value: unknown): HeldPolicy {
  const { id, policy, fetchedAt, expiresAt, refreshAt } = fieldsOf(value);
  return {
    id: textOf(id),
    policy: readPolicyOf(policy),
    fetchedAt: numberOf(fetchedAt),
    expiresAt: numberOf(expiresAt),
    refreshAt: numberOf(refreshAt),
  };
}

function readPolicyOf(value: unknown): StsPolicy {
  const { mode, mx, maxAgeSeconds } = fieldsOf(value);
  if (!Array.isArray(mx)) throw notWritten();
  return {
    mode: oneOf(["enforce", "testing", "none"], mode),
    mx: mx.map(textOf),
    maxAgeSeconds: numberOf(maxAgeSeconds),
  };
}

function readTrouble(value: unknown): StsTrouble {
  const { failure, count, retryAt } = fieldsOf(value);
  return { failure: readFailure(failure), count: numberOf(count), retryAt: numberOf(retryAt) };
}

function readFailure(value: unknown): StsFailure {
  const { type, detail } = fieldsOf(value);
  const types = ["sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid"] as const;
  return { type: oneOf(types, type), detail: textOf(detail) };
}

function fieldsOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null) throw notWritten();
  return value as Readonly<Record<string, unknown>>;
}

function textOf(value: unknown): string {
  if (typeof value !== "string") throw notWritten();
  return value;
}

function numberOf(value: unknown): number {
  if (typeof value !== "number") throw notWritten();
  return value;
}

function oneOf<T extends string>(known: readonly T[], value: unknown): T {
  const found = known.find((one) => one === value);
  if (found === undefined) throw notWritten();
  return found;
}

function notWritten(): Error {
  return new Error("not a policy as this service writes it");
}
