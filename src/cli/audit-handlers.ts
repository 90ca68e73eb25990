/** The audit over the control socket: a checkpoint made now, legal holds, who was shown what detection found. */
import { actorFacts } from "../core/actor.ts";
import type { Actor } from "../core/actor.ts";
import type { HoldRequest, HoldResult, LiftRequest, RevealRequest } from "../parts/control/audit-requests.ts";
import { ControlError } from "../parts/control/control-protocol.ts";
import type { CheckpointResult, ControlHandlers, Empty } from "../parts/control/control-protocol.ts";
import type { LegalHoldRow } from "../parts/store/sqlite-rows.ts";
import type { Postern } from "../postern.ts";

type AuditMethod = Extract<keyof ControlHandlers, `audit.${string}` | "dlp.reveal">;

export function auditHandlers(postern: Postern): Pick<ControlHandlers, AuditMethod> {
  return {
    "audit.checkpoint": () => signNow(postern),
    "audit.hold.add": (request, actor) => addHold(postern, request, actor),
    "audit.hold.lift": (request, actor) => liftHold(postern, request, actor),
    "dlp.reveal": (request, actor) => recordReveal(postern, request, actor),
  };
}

async function signNow(postern: Postern): Promise<CheckpointResult> {
  if (postern.config().audit.key === null) throw new ControlError("PST-AUD-004");
  const note = await postern.audit.checkpoints.sign("asked");
  if (note === null) throw new ControlError("PST-AUD-001");
  return { note };
}

/** Answered once the row is written: only then may anything be shown. */
async function recordReveal(postern: Postern, { sha256, reason }: RevealRequest, actor: Actor): Promise<Empty> {
  await postern.record({ kind: "reveal", ...actorFacts(actor), file: sha256, reason });
  return {};
}

async function addHold(postern: Postern, request: HoldRequest, actor: Actor): Promise<HoldResult> {
  const { messageId, since, until, reason } = request;
  const placed = { message_id: messageId, since, until, placed_at: Date.now(), reason, by: actorFacts(actor) };
  return resultOf(await postern.store.addLegalHold(placed), messageId ?? "");
}

async function liftHold(postern: Postern, { hold, reason }: LiftRequest, actor: Actor): Promise<HoldResult> {
  const lift = { id: hold, at: Date.now(), reason, by: actorFacts(actor) };
  return resultOf(await postern.store.liftLegalHold(lift), `hold ${hold}`);
}

function resultOf(row: LegalHoldRow | null, what: string): HoldResult {
  if (row === null) throw new ControlError("PST-AUD-007", what);
  const { message_id: messageId, placed_at: placedAt, ...hold } = row;
  return { hold: { ...hold, messageId, placedAt } };
}
