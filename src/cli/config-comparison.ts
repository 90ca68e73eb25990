/**
 * What a checked file would change of the running service. The service reads its own file itself, as a reload does; another file is
 * compared here with the service's, where that is what is in force.
 */
import { realpathSync } from "node:fs";
import type { Command } from "commander";
import { assertNever } from "../core/assert-never.ts";
import { changesOf } from "../config-changes.ts";
import type { ConfigChanges } from "../config-changes.ts";
import type { Config } from "../parts/config/config.ts";
import { loadConfig } from "../parts/config/config.ts";
import { ControlError } from "../parts/control/control-protocol.ts";
import type { ChangesResult } from "../parts/control/control-protocol.ts";
import { CliError } from "./cli-error.ts";
import type { Output } from "./output.ts";
import { askService, configEnvironment } from "./surroundings.ts";

export type Comparison =
  | ({ readonly kind: "compared" } & ConfigChanges)
  /** The service cannot use the file. */
  | { readonly kind: "unusable"; readonly path: string; readonly errors: readonly string[] }
  | { readonly kind: "not compared"; readonly why: string };

export function compare(checked: Config, command: Command): Promise<Comparison> {
  return asked(command, (told) =>
    placeOf(told.path) === placeOf(checked.path) ? ofItsOwn(told) : ofAnother(checked, told),
  );
}

/** For who may not read the file: what the service makes of it, where it is the service's. */
export function compareUnread(path: string, command: Command): Promise<Comparison> {
  return asked(command, (told) =>
    placeOf(told.path) === placeOf(path)
      ? ofItsOwn(told)
      : { kind: "not compared", why: `the service runs with ${told.path}` },
  );
}

async function asked(command: Command, compared: (told: ChangesResult) => Comparison): Promise<Comparison> {
  try {
    return compared(await askService(command, "config.changes", {}));
  } catch (error) {
    if (!(error instanceof ControlError || error instanceof CliError)) throw error;
    return { kind: "not compared", why: error.message };
  }
}

function ofItsOwn({ path, file }: ChangesResult): Comparison {
  if (!file.ok) return { kind: "unusable", path, errors: file.errors };
  return { kind: "compared", reload: file.reload, restart: file.restart };
}

function ofAnother(checked: Config, { path, file }: ChangesResult): Comparison {
  const isInForce = file.ok && file.reload.length + file.restart.length === 0;
  const loading = loadConfig(path, configEnvironment());
  if (isInForce && loading.ok) return { kind: "compared", ...changesOf(loading.config, checked) };
  const what = isInForce ? "cannot be read here" : "is not what is in force";
  return {
    kind: "not compared",
    why: `the service runs with ${path}, which ${what}: put the file there and check again`,
  };
}

function placeOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // Gone since: the names are compared.
    return path;
  }
}

export function comparedRows(compared: Comparison | null): readonly object[] {
  if (compared === null) return [];
  switch (compared.kind) {
    case "compared": {
      const rows = (taken: keyof ConfigChanges) => compared[taken].map((path) => ({ severity: "change", path, taken }));
      return [...rows("reload"), ...rows("restart")];
    }
    case "unusable":
      return compared.errors.map((message) => ({ severity: "error", by: "service", message }));
    case "not compared":
      return [{ severity: "note", message: `not compared with a running service: ${compared.why}` }];
    default:
      return assertNever(compared);
  }
}

export function printCompared(output: Output, compared: Comparison | null): void {
  switch (compared?.kind) {
    case undefined:
      return;
    case "compared":
      if (compared.reload.length > 0) output.line(`a reload takes over: ${compared.reload.join(", ")}`);
      if (compared.restart.length > 0) output.line(`needs a restart: ${compared.restart.join(", ")}`);
      if (compared.reload.length + compared.restart.length === 0) output.line("nothing differs from what is in force");
      return;
    case "unusable":
      throw new CliError(`PST-CFG-002 the running service cannot use ${compared.path}`, {
        next: "Correct what is named. Where you can read it and the service cannot: see that its user may, and that its unit has the credentials.",
        lines: compared.errors,
      });
    case "not compared":
      output.line(`not compared with a running service: ${compared.why}`);
  }
}
