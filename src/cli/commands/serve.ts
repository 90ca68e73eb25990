/**
 * `postern serve`: runs the gateway until it is told to stop. SIGTERM and SIGINT drain, a second one breaks off; SIGHUP reloads, and
 * a configuration that is not valid changes nothing. The control socket answers `postern queue …` meanwhile.
 */
import { randomUUID } from "node:crypto";
import { Command } from "commander";
import { messageIdOf, toMessageId } from "../../core/ids.ts";
import type { RecipientId } from "../../core/ids.ts";
import type { Log } from "../../core/log.ts";
import { PackError, startPostern } from "../../main.ts";
import type { Postern } from "../../main.ts";
import type { Config } from "../../parts/config/config.ts";
import { ControlError } from "../../parts/control/control-protocol.ts";
import type { ControlHandlers, QueueRequest, QueueResult } from "../../parts/control/control-protocol.ts";
import { startControl } from "../../parts/control/control.ts";
import { createLog, standardOutput as logOutput } from "../../parts/log/log.ts";
import type { Act } from "../../stages/spool/operator.ts";
import { CliError } from "../cli-error.ts";
import { configPathOf, requireConfig } from "../surroundings.ts";
import { versionOf } from "../version.ts";

/** Recipients of one message: more cannot be accepted. */
const RECIPIENTS_MAX = 10_000;
/** After a fatal storage error: time for the log line, then the process ends and recovery decides. */
const EXIT_STORAGE = 1;

export function serveCommand(): Command {
  return new Command("serve")
    .description("run the gateway; SIGTERM drains, SIGHUP reloads")
    .addHelpText("after", "\nExample:\n  postern serve --config /etc/postern/postern.yaml")
    .action(async (_options: unknown, command: Command) => serve(configPathOf(command)));
}

async function serve(path: string): Promise<void> {
  const config = requireConfig(path, (line) => process.stderr.write(`${line}\n`));
  const log = createLog(config.log.level, logOutput());
  const postern = await start(config, log);
  const reload = (): Promise<Config> => reloadFrom(path, postern, log);
  const control = await startControl({
    socketPath: config.control.socket,
    log,
    handlers: controlHandlers({ postern, reload, startedAt: Date.now() }),
  });
  process.on("SIGHUP", () => {
    // Refusals are logged by reloadFrom; the running configuration stays.
    reload().catch(() => undefined);
  });
  await terminated(log);
  await control.close();
  await postern.stop();
}

async function start(config: Config, log: Log): Promise<Postern> {
  try {
    return await startPostern(config, {
      clock: { now: () => Date.now(), monotonic: () => performance.now() },
      chance: () => Math.random(),
      log,
      owner: `${process.pid}-${randomUUID()}`,
      onFatal: (code) => {
        log.error("fatal", { code });
        process.exit(EXIT_STORAGE);
      },
    });
  } catch (error) {
    throw asCliError(error);
  }
}

/** The second signal ends the process at once: what was in flight is recovered at the next start. */
async function terminated(log: Log): Promise<void> {
  await new Promise<void>((resolve) => {
    const stop = (): void => {
      process.once("SIGTERM", () => process.exit(1));
      process.once("SIGINT", () => process.exit(1));
      resolve();
    };
    process.once("SIGTERM", stop);
    process.once("SIGINT", stop);
  });
  log.info("draining");
}

async function reloadFrom(path: string, postern: Postern, log: Log): Promise<Config> {
  try {
    const next = requireConfig(path, (line) => log.warn("config_warning", { warning: line }));
    await postern.reload(next);
    return next;
  } catch (error) {
    const complaint = asCliError(error);
    const lines = complaint instanceof CliError ? complaint.lines.length : 0;
    log.error("reload_refused", { code: "PST-CFG-002", errors: lines });
    await postern.tellReloadRefused();
    throw complaint;
  }
}

function asCliError(error: unknown): unknown {
  if (error instanceof PackError) {
    return new CliError("PST-CFG-001 a rule pack does not load", {
      next: "run `postern dlp check FILE`",
      lines: error.lines,
    });
  }
  if (error instanceof Error && "syscall" in error && error.syscall === "listen") {
    return new CliError("the listener cannot use its address and port", {
      next: "see listen.address and listen.port, and whether another service has them (`ss -ltnp`)",
      lines: [error.message],
    });
  }
  return error;
}

type Served = {
  readonly postern: Postern;
  readonly reload: () => Promise<Config>;
  readonly startedAt: number;
};

function controlHandlers({ postern, reload, startedAt }: Served): ControlHandlers {
  return {
    status: async () => ({
      version: versionOf(),
      instanceId: postern.config().instanceId,
      pid: process.pid,
      startedAt,
      configSha256: postern.config().sha256,
      draining: postern.isDraining(),
      queue: await postern.store.counts(),
    }),
    "queue.retry": (request) => actOn(postern, "retry", request),
    "queue.release": (request) => actOn(postern, "release", request),
    "queue.drop": (request) => actOn(postern, "drop", request),
    reload: async () => {
      try {
        const { sha256 } = await reload();
        return { configSha256: sha256, warnings: [] };
      } catch (error) {
        throw new ControlError("PST-CFG-002", error instanceof CliError ? error.lines.join("; ").slice(0, 1000) : "");
      }
    },
  };
}

async function actOn(postern: Postern, action: Act["action"], request: QueueRequest): Promise<QueueResult> {
  const ids = (await Promise.all(request.ids.map((id) => recipientIds(postern, id)))).flat();
  const known = ids.filter((id) => id.known).map((id) => id.recipient);
  const unknown = ids.filter((id) => !id.known).map((id) => id.recipient);
  const { done, skipped } = await postern.act({ action, ids: known, actor: request.actor, reason: request.reason });
  return { done, skipped: [...skipped, ...unknown] };
}

/** A message id stands for all its recipients. */
async function recipientIds(
  postern: Postern,
  id: string,
): Promise<readonly { readonly recipient: RecipientId; readonly known: boolean }[]> {
  const messageId = id.includes(".") ? messageIdOf(id as RecipientId) : toMessageId(id);
  const rows = await postern.store.recipients({ messageId, limit: RECIPIENTS_MAX });
  const wanted = rows.filter((row) => !id.includes(".") || row.id === id).map((row) => row.id);
  if (wanted.length === 0) return [{ recipient: id as RecipientId, known: false }];
  return wanted.map((recipient) => ({ recipient, known: true }));
}
