/** `postern queue status`: how much waits, how hard the machine is pressed, and what to do about it. Asks the running service. */
import { Command } from "commander";
import type { PressureLevel } from "../../../core/pressure.ts";
import { REASON_CODES } from "../../../core/reason-codes.ts";
import { RECIPIENT_STATES } from "../../../core/recipient-state.ts";
import type { ControlPressure, ControlStatus } from "../../../parts/control/control-protocol.ts";
import { Finding } from "../../cli-error.ts";
import { formatBytes, formatDuration, printJsonLines, printTable, standardOutput } from "../../output.ts";
import type { Output } from "../../output.ts";
import { askService } from "../../surroundings.ts";

const MEANING: Readonly<Record<PressureLevel, string>> = {
  open: "everything is taken",
  slow: "message bodies are read no further until the disk catches up",
  full: "new mail is answered 452; what is queued goes out",
  closed: "new mail is answered 421, and nothing is sent",
};

export function statusCommand(): Command {
  return new Command("status")
    .description("how much waits, and whether new mail is taken; exit code 1 while it is not")
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExamples:\n  postern queue status\n  postern queue status --json | jq .pressure.level")
    .action(async (options: { readonly json?: boolean }, command: Command) => {
      const { queue, pressure } = await askService(command, "status", {});
      const output = standardOutput();
      if (options.json === true) printJsonLines(output, [{ queue, pressure }]);
      else print(output, { queue, pressure }, Date.now());
      if (isClosedToNew(pressure)) throw new Finding();
    });
}

/** What a person who looks at the queue should know first, or null. Silent where no service answers. */
export async function pressureWarning(command: Command): Promise<string | null> {
  try {
    const { pressure } = await askService(command, "status", {});
    if (pressure.level === "open") return null;
    const codes = pressure.causes.map(({ code }) => code).join(", ");
    return `${pressure.level} (${codes}): ${MEANING[pressure.level]}; see \`postern queue status\``;
  } catch {
    // Reading the queue works while the service is down, and for those who may not ask it.
    return null;
  }
}

function isClosedToNew({ level }: ControlPressure): boolean {
  return level === "full" || level === "closed";
}

function print(output: Output, { queue, pressure }: Pick<ControlStatus, "queue" | "pressure">, now: number): void {
  const { figures, roomBytes } = pressure;
  const { space } = figures;
  const oldest =
    queue.oldestReceivedAt === null ? "" : `, the oldest for ${formatDuration(now - queue.oldestReceivedAt)}`;
  output.line(`pressure  ${pressure.level}: ${MEANING[pressure.level]}`);
  output.line(`queue     ${figures.queueRecipients} recipients, ${formatBytes(figures.queueBytes)}${oldest}`);
  output.line(
    `disk      ${space === null ? "unknown" : `${formatBytes(space.freeBytes)} of ${formatBytes(space.totalBytes)} free`}`,
  );
  output.line(
    `room      ${roomBytes === null ? "unknown" : `${formatBytes(roomBytes)} before new mail is answered 452`}`,
  );
  output.line(`waiting   ${figures.commitWaiting} changes for the disk, the oldest for ${figures.commitAgeMs} ms`);
  for (const { code } of pressure.causes) {
    output.line("");
    output.line(`${code}: ${REASON_CODES[code].what}`);
    output.line(`  Next: ${REASON_CODES[code].next}`);
  }
  output.line("");
  const rows = RECIPIENT_STATES.flatMap((state) => {
    const recipients = queue.byState[state];
    return recipients === undefined ? [] : [{ state, recipients }];
  });
  printTable(
    output,
    [
      { title: "STATE", text: ({ state }) => state },
      { title: "RECIPIENTS", text: ({ recipients }) => String(recipients), alignRight: true },
    ],
    rows,
  );
}
