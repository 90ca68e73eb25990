/** Which of the mail under review a reviewer means: by rule and by age. */
import type { Command } from "commander";
import type { QuarantineRow, QueueCursor } from "../../../parts/control/control-protocol.ts";
import { askService } from "../../surroundings.ts";
import { parseDuration } from "../queue/selection.ts";

export type Choice = {
  readonly rule?: readonly string[];
  readonly older?: number;
  readonly newer?: number;
};

export function addChoice(command: Command): Command {
  return command
    .option("--rule <rule...>", "held by this rule, as `quarantine list` names it: PACK/RULE, or all of PACK/")
    .option("--older <time>", "that came longer ago: 90s, 15m, 1h, 2d", parseDuration)
    .option("--newer <time>", "that came since then", parseDuration);
}

export function hasChoice({ rule, older, newer }: Choice): boolean {
  return [rule, older, newer].some((option) => option !== undefined);
}

/** All that is under review and fits; addresses masked unless asked for. */
export async function chosenRows(
  self: Command,
  choice: Choice,
  { addresses, now }: { readonly addresses: boolean; readonly now: number },
): Promise<readonly QuarantineRow[]> {
  const rows: QuarantineRow[] = [];
  let cursor: QueueCursor | null = null;
  do {
    const page: { rows: readonly QuarantineRow[]; next: QueueCursor | null } = await askService(
      self,
      "quarantine.list",
      { addresses, cursor },
    );
    rows.push(...page.rows.filter((row) => isChosen(row, choice, now)));
    cursor = page.next;
  } while (cursor !== null);
  return rows;
}

function isChosen({ rules, received }: QuarantineRow, { rule, older, newer }: Choice, now: number): boolean {
  const ageMs = now - Date.parse(received);
  if (older !== undefined && ageMs < older) return false;
  if (newer !== undefined && ageMs > newer) return false;
  if (rule === undefined) return true;
  return rule.some((wanted) =>
    rules.some((each) => (wanted.endsWith("/") ? each.startsWith(wanted) : each === wanted)),
  );
}
