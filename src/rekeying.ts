/**
 * After a change of keys: brings everything under the present ones while mail goes on, and says when the keys of before are needed
 * no longer. Promises: says so only after a whole pass that found nothing left; does nothing where no key of before is given.
 */
import type { Duty } from "./core/duty.ts";
import type { Parts } from "./surroundings.ts";

const EVERY_MS = 2_000;

export function rekeyDuty({ keyRing, store, blobs, env }: Parts): Duty {
  let finishedFor = "";
  let changed = 0;
  const rings = (): string => [...keyRing.ids("spool"), "", ...keyRing.ids("addresses")].join(" ");
  const hasPrevious = (): boolean => keyRing.ids("spool").length + keyRing.ids("addresses").length > 2;
  return {
    name: "rekey",
    everyMs: EVERY_MS,
    run: async (signal) => {
      const ring = rings();
      if (!hasPrevious() || ring === finishedFor) return;
      const now = await store.rekey(blobs.rewrapper, signal);
      changed += now;
      if (now > 0 || signal.aborted || ring !== rings()) return;
      const ids = { spool: keyRing.id("spool"), addresses: keyRing.id("addresses") };
      const event = {
        at: env.clock.now(),
        messageId: null,
        recipientId: null,
        body: { kind: "rekeyed", ...ids, changed },
      } as const;
      await store.commit({ recipients: [], variants: [], inspected: null, events: [event] }, "durable");
      env.log.info("rekeyed", { ...ids, changed });
      finishedFor = ring;
      changed = 0;
    },
  };
}
