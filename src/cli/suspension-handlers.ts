/** Suspensions over the control socket: made, lifted, listed. */
import { NULL_SENDER } from "../core/address-pattern.ts";
import type { SuspendedMail, Suspension } from "../core/suspension.ts";
import { ControlError } from "../parts/control/control-protocol.ts";
import type { ControlHandlers, SuspensionRow } from "../parts/control/control-protocol.ts";
import { readAddressPattern } from "../parts/smtp/address-pattern.ts";
import type { Postern } from "../postern.ts";

type SuspensionMethod = "queue.suspend" | "queue.resume" | "queue.suspensions";

export function suspensionHandlers({ suspending, now }: Postern): Pick<ControlHandlers, SuspensionMethod> {
  return {
    "queue.suspend": async ({ forMs, ...request }, actor) => {
      const suspension = await suspending.suspend({ ...request, ...mailOf(request), actor, until: now() + forMs });
      if (suspension === null) throw new ControlError("PST-CTL-016");
      return rowOf(suspension);
    },
    "queue.resume": async (request, actor) => {
      const ended = await suspending.resume({ ...request, ...mailOf(request), actor });
      if (ended === null) throw new ControlError("PST-CTL-017");
      return rowOf(ended);
    },
    "queue.suspensions": async () => ({ rows: suspending.list().map(rowOf) }),
  };
}

function mailOf({ side, pattern }: SuspendedMail): SuspendedMail {
  const read = readAddressPattern(pattern);
  if (read === null || (side === "to" && read === NULL_SENDER)) {
    throw new ControlError("PST-CTL-003", `${side}: an address or a domain`);
  }
  return { side, pattern: read };
}

function rowOf({ side, pattern, since, until, by, reason }: Suspension): SuspensionRow {
  const [from, to] = [since, until].map((at) => new Date(at).toISOString());
  return { side, pattern, since: from ?? "", until: to ?? "", actor: by.actor, reason };
}
