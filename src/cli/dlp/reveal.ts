/**
 * Leave to show what a message says. Promises: on a terminal only and for a stated reason; where a gateway is configured its running
 * service first writes a row `reveal` to the audit, or nothing is shown.
 */
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import type { Command } from "commander";
import { CliError } from "../cli-error.ts";
import { askService, configPathOf } from "../surroundings.ts";

export const REASON_OPTION = [
  "--reason <text>",
  "with --reveal: why; recorded in the audit, so name no patient",
] as const;

type RevealOptions = { readonly json?: boolean; readonly reason?: string };

/** Throws where nothing may be shown; before anything is. */
export async function requireLeave(command: Command, { json, reason }: RevealOptions, bytes: Buffer): Promise<void> {
  if (json === true || !process.stdout.isTTY) {
    const next = "run it on a terminal, without --json and without redirecting the output.";
    throw new CliError("PST-INS-015 values are shown on a terminal only", { next, exitCode: 2 });
  }
  if (reason === undefined || reason.trim() === "") {
    throw new CliError("PST-INS-015 --reveal needs a reason", { next: "say why with --reason TEXT.", exitCode: 2 });
  }
  if (!existsSync(configPathOf(command))) {
    process.stderr.write("not audited: no gateway is configured here\n");
    return;
  }
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  await askService(command, "dlp.reveal", { sha256, reason });
}
