/** The audit over the control socket: a checkpoint made now. */
import { ControlError } from "../parts/control/control-protocol.ts";
import type { CheckpointResult, ControlHandlers } from "../parts/control/control-protocol.ts";
import type { Postern } from "../running.ts";

type AuditMethod = Extract<keyof ControlHandlers, `audit.${string}`>;

export function auditHandlers(postern: Postern): Pick<ControlHandlers, AuditMethod> {
  return { "audit.checkpoint": () => signNow(postern) };
}

async function signNow(postern: Postern): Promise<CheckpointResult> {
  if (postern.config().audit.key === null) throw new ControlError("PST-AUD-004");
  const note = await postern.audit.checkpoints.sign("asked");
  if (note === null) throw new ControlError("PST-AUD-001");
  return { note };
}
