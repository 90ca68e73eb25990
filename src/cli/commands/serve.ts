/**
 * `postern serve`: runs the gateway until it is told to stop. SIGTERM and SIGINT drain, a second one breaks off; SIGHUP reloads, and
 * a configuration that is not valid changes nothing. The control socket answers `postern queue …` meanwhile.
 */
import { randomUUID } from "node:crypto";
import { Command } from "commander";
import type { FailpointOrder } from "../../core/failpoint.ts";
import type { Log } from "../../core/log.ts";
import { startPostern } from "../../main.ts";
import type { Postern } from "../../postern.ts";
import type { Config } from "../../parts/config/config.ts";
import { parseFailpoints } from "../../parts/failpoint/arm-failpoints.ts";
import { createLog, standardOutput as logOutput } from "../../parts/log/log.ts";
import { CliError } from "../cli-error.ts";
import { listeningDescriptors, SERVICE_VARIABLES, supervisorOf } from "../../parts/systemd/systemd.ts";
import type { Surroundings } from "../../surroundings.ts";
import type { Control } from "../../parts/control/control.ts";
import type { Served } from "../control-handlers.ts";
import { asCliError } from "../start-error.ts";
import { configPathOf, requireConfig } from "../surroundings.ts";

/** Arms failpoints for tests of durability; see src/parts/failpoint/. */
const FAILPOINTS_VARIABLE = "POSTERN_FAILPOINTS";
/** After a fatal storage error the process ends, and recovery decides at the next start. */
const EXIT_STORAGE = 1;
/** Until then: who waits for an answer is told to come again, and the alert goes out. Nothing is stored any more. */
const LAST_WORDS_MS = 2_000;
/** After the start, when what waited for it was served. */
const SETTLED_MS = 1_000;
const CLOCK = { now: () => Date.now(), monotonic: () => performance.now() };

export function serveCommand(): Command {
  return new Command("serve")
    .description("run the gateway; SIGTERM drains, SIGHUP reloads")
    .addHelpText("after", "\nExample:\n  postern serve --config /etc/postern/postern.yaml")
    .action(async (_options: unknown, command: Command) => serve(configPathOf(command)));
}

async function serve(path: string): Promise<void> {
  const config = requireConfig(path, (line) => process.stderr.write(`${line}\n`));
  const log = createLog(config.log.level, logOutput());
  const manager = serviceManager(log);
  // Signals are heard from the first moment: unheard, they would end the process where it stands.
  const hangups = heardHangups();
  const terminating = terminated(log);
  const postern = await start(config, log, manager);
  const served = { postern, configPath: path, log, clock: CLOCK, startedAt: Date.now(), ...manager };
  const control = await openControl(served, hangups).catch(async (error: unknown) => {
    // Without its control socket nobody could act on held mail: no service at all is plainer.
    await postern.stop();
    throw error;
  });
  void manager.supervisor?.ready();
  const settling = setTimeout(giveBack, SETTLED_MS);
  await terminating;
  clearTimeout(settling);
  const toldOfEnd = manager.supervisor?.stopping();
  await control.close();
  await postern.stop();
  await toldOfEnd;
}

/** Packs and modules are read with far more memory than they keep. Nothing where node was not started with --expose-gc. */
function giveBack(): void {
  void globalThis.gc?.({ type: "major", flavor: "last-resort", execution: "async" });
}

/** Loaded now that mail is taken: a start waits for nothing it can do without. */
async function openControl(served: Served, hangups: Hangups): Promise<Control> {
  const { reloadConfig, serveControl } = await import("../control-handlers.ts");
  const control = await serveControl(served);
  // Refusals are logged by reloadConfig; the running configuration stays.
  hangups.answer(() => void reloadConfig(served).catch(() => undefined));
  return control;
}

type Hangups = { readonly answer: (reload: () => void) => void };

/** One that comes before there is an answer is kept: the configuration may have changed since it was read. */
function heardHangups(): Hangups {
  let isWaiting = false;
  let hear = (): void => void (isWaiting = true);
  process.on("SIGHUP", () => hear());
  return {
    answer: (reload) => {
      hear = reload;
      if (isWaiting) reload();
    },
  };
}

type ServiceManager = Pick<Surroundings, "supervisor" | "descriptors">;

/** Takes what the service manager gave and clears it away, so that no child takes it for its own. */
function serviceManager(log: Log): ServiceManager {
  const facts = { pid: process.pid, monotonicUs: () => process.hrtime.bigint() / 1_000n, log };
  const descriptors = listeningDescriptors(process.env, process.pid);
  const supervisor = supervisorOf(process.env, facts);
  for (const name of SERVICE_VARIABLES) delete process.env[name];
  return { descriptors, ...(supervisor !== null && { supervisor }) };
}

async function start(config: Config, log: Log, manager: ServiceManager): Promise<Postern> {
  try {
    return await startPostern(config, {
      clock: CLOCK,
      chance: () => Math.random(),
      log,
      owner: `${process.pid}-${randomUUID()}`,
      onFatal: (code) => {
        log.error("fatal", { code });
        setTimeout(() => process.exit(EXIT_STORAGE), LAST_WORDS_MS);
      },
      ...failpoints(),
      ...manager,
    });
  } catch (error) {
    throw asCliError(error);
  }
}

function failpoints(): { readonly failpoints?: readonly FailpointOrder[] } {
  const text = process.env[FAILPOINTS_VARIABLE];
  if (text === undefined) return {};
  try {
    return { failpoints: parseFailpoints(text) };
  } catch (error) {
    throw new CliError(`${FAILPOINTS_VARIABLE} arms nothing: ${error instanceof Error ? error.message : ""}`, {
      next: `unset ${FAILPOINTS_VARIABLE}: it is for tests of durability only`,
    });
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
