/**
 * What the control socket of a running service answers, for `serve` and the demo: state, acts on the queue, reload. A
 * configuration that is not valid changes nothing, and the refusal is logged and audited, as is an act a role does not allow.
 */
import { actorFacts } from "../core/actor.ts";
import { changesOf } from "../config-changes.ts";
import type { Clock } from "../core/clock.ts";
import type { Log } from "../core/log.ts";
import type { StsPage } from "../core/sts-rows.ts";
import type { Postern } from "../postern.ts";
import { startControl } from "../parts/control/control.ts";
import type { Control } from "../parts/control/control.ts";
import { ControlError } from "../parts/control/control-protocol.ts";
import type { ChangesResult, ControlHandlers, ReloadResult } from "../parts/control/control-protocol.ts";
import type { Supervisor } from "../parts/systemd/notifier.ts";
import { tlsResults } from "./tls-results.ts";
import { findPolicy, listPolicies } from "../stages/discover/sts-view.ts";
import { tlsReport } from "../stages/audit/tls-report.ts";
import { auditHandlers } from "./audit-handlers.ts";
import { queueHandlers } from "./queue-handlers.ts";
import { readingHandlers } from "./reading-handlers.ts";
import { suspensionHandlers } from "./suspension-handlers.ts";
import { reviewHandlers } from "./review-handlers.ts";
import { CliError } from "./cli-error.ts";
import { asCliError } from "./start-error.ts";
import { requireConfig } from "./surroundings.ts";
import { versionOf } from "../version.ts";

/** Of the audit, read for one report beside the mail. */
const REPORT_ROWS_MAX = 200_000;

export type Served = {
  readonly postern: Postern;
  readonly configPath: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly startedAt: number;
  readonly supervisor?: Supervisor;
};

/** Opens the control socket over a running service. */
export function serveControl(served: Served): Promise<Control> {
  const { postern, log, clock } = served;
  const { socket, group } = postern.config().control;
  return startControl({
    socketPath: socket,
    group,
    roles: () => postern.config().roles,
    handlers: controlHandlers(served),
    onRefused: ({ actor, method, roles }) =>
      postern.record({ kind: "refused_act", code: "PST-CTL-011", ...actorFacts(actor), method, roles }),
    clock,
    log,
  });
}

function controlHandlers(served: Served): ControlHandlers {
  const { postern, startedAt } = served;
  return {
    status: async () => ({
      version: versionOf(),
      instanceId: postern.config().instanceId,
      pid: process.pid,
      startedAt,
      configSha256: postern.config().sha256,
      draining: postern.isDraining(),
      queue: await postern.store.counts(),
      pressure: postern.pressure(),
      suspensions: postern.suspending.list().length,
      validation: postern.validation(),
      reasons: await postern.watching.reasons(),
      alerts: postern.watching.alerts(),
    }),
    ...queueHandlers(postern),
    ...readingHandlers(postern),
    ...suspensionHandlers(postern),
    ...reviewHandlers(postern),
    ...auditHandlers(postern),
    "sts.show": ({ domain, after }) => showPolicies(postern, domain, after),
    "sts.refresh": ({ domain }) => postern.refreshPolicy(domain),
    "tls.report": ({ since }) =>
      tlsReport(since, { audit: postern.store, facts: postern.store.domainFacts, rowsMax: REPORT_ROWS_MAX }),
    "tls.results": (request) => tlsResults(request, postern.store.domainFacts),
    reload: async (_request, actor) => {
      await postern.record({ kind: "operator", action: "reload", ...actorFacts(actor), reason: "" });
      try {
        return await reloadConfig(served);
      } catch (error) {
        throw new ControlError("PST-CFG-002", error instanceof CliError ? error.lines.join("; ").slice(0, 1000) : "");
      }
    },
    "config.changes": async () => ({ path: postern.config().path, file: changesInFile(served) }),
  };
}

/** Read by the service itself: what it may not read, or has no credential for, counts as it would at a reload. */
function changesInFile({ postern, configPath }: Served): ChangesResult["file"] {
  try {
    return {
      ok: true,
      ...changesOf(
        postern.config(),
        requireConfig(configPath, () => undefined),
      ),
    };
  } catch (error) {
    if (!(error instanceof CliError)) throw error;
    return { ok: false, errors: error.lines };
  }
}

async function showPolicies(postern: Postern, domain: string | null, after: string | null): Promise<StsPage> {
  const { domainFacts } = postern.store;
  if (domain === null) return listPolicies(domainFacts, after, postern.now());
  const row = await findPolicy(domainFacts, domain, postern.now());
  return { rows: row === null ? [] : [row], next: null };
}

type Reloadable = Pick<Served, "postern" | "configPath" | "log" | "supervisor">;

/** Puts the file's present configuration in force; throws CliError and keeps the old one where it cannot. */
export async function reloadConfig(served: Reloadable): Promise<ReloadResult> {
  void served.supervisor?.reloading();
  try {
    return await readAgain(served);
  } finally {
    void served.supervisor?.ready();
  }
}

async function readAgain({ postern, configPath, log }: Reloadable): Promise<ReloadResult> {
  try {
    const next = requireConfig(configPath, (line) => log.warn("config_warning", { warning: line }));
    const restartNeeded = await postern.reload(next);
    return { configSha256: next.sha256, restartNeeded };
  } catch (error) {
    const complaint = asCliError(error);
    const lines = complaint instanceof CliError ? complaint.lines.length : 0;
    log.error("reload_refused", { code: "PST-CFG-002", errors: lines });
    await postern.tellReloadRefused();
    throw complaint;
  }
}
