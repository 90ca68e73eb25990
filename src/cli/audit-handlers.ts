/** The audit over the control socket: its rows, a checkpoint made now, legal holds, who was shown what detection found. */
import { join } from "node:path";
import { actorFacts } from "../core/actor.ts";
import type { Actor } from "../core/actor.ts";
import type { AuditRow } from "../core/event.ts";
import type {
  AuditReadRequest,
  AuditReadResult,
  HoldRequest,
  HoldResult,
  LegalHold,
  LiftRequest,
  RevealRequest,
} from "../parts/control/audit-requests.ts";
import { ControlError } from "../parts/control/control-protocol.ts";
import type { CheckpointResult, ControlHandlers, Empty } from "../parts/control/control-protocol.ts";
import { readLegalHolds } from "../parts/store/read-legal-holds.ts";
import type { LegalHoldRow } from "../parts/store/sqlite-rows.ts";
import type { Postern } from "../postern.ts";
import { DATABASE_NAME } from "./surroundings.ts";

/** In one answer, which the command line reads up to a mebibyte of. */
const READ_ROWS_MAX = 500;
const READ_CHARACTERS_MAX = 262_144;

type AuditMethod = Extract<keyof ControlHandlers, `audit.${string}` | "dlp.reveal">;

export function auditHandlers(postern: Postern): Pick<ControlHandlers, AuditMethod> {
  return {
    "audit.checkpoint": () => signNow(postern),
    "audit.hold.add": (request, actor) => addHold(postern, request, actor),
    "audit.hold.lift": (request, actor) => liftHold(postern, request, actor),
    "audit.hold.list": async () => ({
      holds: readLegalHolds(join(postern.config().dataDir, DATABASE_NAME)).map(holdOf),
    }),
    "audit.read": (request) => readAudit(postern, request),
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
  return { hold: holdOf(row) };
}

function holdOf({ message_id: messageId, placed_at: placedAt, ...hold }: LegalHoldRow): LegalHold {
  return { ...hold, messageId, placedAt };
}

/** Rows hold no content and no address, so that whoever may read the audit reads all of it. */
async function readAudit({ store }: Postern, request: AuditReadRequest): Promise<AuditReadResult> {
  const [head, chainId] = await Promise.all([store.auditHead(), store.chainId()]);
  return { rows: thatFit(await rowsAsked(store, request)), head, chainId };
}

async function rowsAsked(store: Postern["store"], request: AuditReadRequest): Promise<readonly AuditRow[]> {
  if (request.what === "head") return [];
  const rowsMax = Math.min(request.rowsMax, READ_ROWS_MAX);
  if (request.what === "page") return store.auditPage(request.fromSeq, rowsMax);
  return store.auditMarks(request.kind, request.beforeSeq, rowsMax);
}

function thatFit(rows: readonly AuditRow[]): readonly AuditRow[] {
  let characters = 0;
  const end = rows.findIndex((row) => (characters += JSON.stringify(row).length) > READ_CHARACTERS_MAX);
  return end < 0 ? rows : rows.slice(0, Math.max(1, end));
}
