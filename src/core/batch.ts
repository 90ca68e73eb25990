/** Which recipients share one SMTP transaction, and with which envelope. */
import type { Envelope } from "./envelope.ts";
import type { Parcel } from "./parcel.ts";
import type { Plan, Step } from "./plan.ts";
import type { StoredRecipient } from "./queue-store.ts";

export type Batchable = {
  readonly recipient: StoredRecipient;
  readonly plan: Plan;
  readonly step: Step;
  readonly parcel: Parcel;
};
export type Batch<T> = readonly [T, ...T[]];

/**
 * Together go those of one domain, step, floor and form of the bytes; at most `max` in one transaction. An address that needs
 * SMTPUTF8 goes by itself, so that it does not keep the others from a server without.
 */
export function inBatches<T extends Batchable>(works: readonly T[], max: number): readonly Batch<T>[] {
  const [only] = works;
  if (only !== undefined && works.length === 1) return [[only]];
  const open = new Map<string, [T, ...T[]]>();
  const batches: Batch<T>[] = [];
  for (const work of works) {
    const key = keyOf(work);
    const batch = open.get(key);
    if (batch !== undefined && batch.length < max) {
      batch.push(work);
      continue;
    }
    const fresh: [T, ...T[]] = [work];
    open.set(key, fresh);
    batches.push(fresh);
  }
  return batches;
}

function keyOf({ recipient, plan, step, parcel }: Batchable): string {
  const { domain, isUtf8 } = recipient.recipient.mailbox;
  const requireTls = step.kind === "portal" ? null : (step.requireTls ?? null);
  return JSON.stringify([domain, isUtf8, plan.floor.profile, parcel.minRung, step.kind, requireTls, parcel.variant.id]);
}

/** Mail that needs protection must not come back whole in somebody else's report (RFC 3461 section 4.3). */
export function envelopeFor(batch: Batch<Batchable>, envelope: Envelope): Envelope {
  return batch[0].plan.floor.profile === "opportunistic" ? envelope : { ...envelope, ret: "hdrs" };
}
