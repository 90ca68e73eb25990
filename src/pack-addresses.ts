/** Whether rules that copy or notify have somebody to do it to: whom, stands in the configuration and not in a pack. Pure. */
import type { SideAction } from "./core/findings.ts";
import type { Config } from "./parts/config/config.ts";
import type { LoadedPack } from "./stages/inspect/thread-protocol.ts";

/** One line an active rule that nobody is named for. */
export function unaddressed(
  { id, rules }: Pick<LoadedPack, "id" | "rules">,
  dlp: Pick<Config["dlp"], "copyTo" | "notify">,
): readonly string[] {
  return rules
    .filter(({ status }) => status === "active")
    .flatMap(({ id: rule, also }) => {
      const lacking = new Set(also.flatMap((side) => missingFor(side, dlp) ?? []));
      return Array.from(lacking, (key) => `rule ${id}/${rule} needs ${key}, which names nobody; add an address there`);
    });
}

function missingFor(side: SideAction, { copyTo, notify }: Pick<Config["dlp"], "copyTo" | "notify">): string | null {
  if (side.kind === "copy" && copyTo.length === 0) return "dlp.copy_to";
  return side.kind === "notify" && side.whom === "reviewers" && notify.length === 0 ? "dlp.notify" : null;
}
