/** `postern demo`: a gateway and a small internet on loopback, sample mails through both, and what became of each recipient. */
import { relative } from "node:path";
import { Command } from "commander";
import { Finding } from "../cli-error.ts";
import { runDemo } from "../demo/demo.ts";
import type { Look } from "../demo/demo-table.ts";
import { standardOutput } from "../output.ts";
import { asCliError } from "../start-error.ts";

/** Where output is no terminal. */
const WIDTH_DEFAULT = 100;

export function demoCommand(): Command {
  return new Command("demo")
    .description("relay sample mails through a gateway of its own to a small internet on loopback")
    .option("--once", "end after the rows; exit code 1 if any is not as expected")
    .option("--json", "one JSON object a recipient, and end after them")
    .addHelpText(
      "after",
      "\nExamples:\n  postern demo\n  postern demo --once\n  postern demo --json | jq -r '[.recipient, .state, .rung] | @tsv'" +
        "\n\nIn a terminal it goes on until Ctrl-C, so that the other commands can be tried on it; elsewhere it ends as" +
        "\nwith --once. It listens on 127.0.0.x only, needs no configuration, and keeps its folder only when something failed.",
    )
    .action(demo);
}

async function demo(options: { readonly once?: boolean; readonly json?: boolean }): Promise<void> {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(name, () => stop.abort());
  const asJson = options.json === true;
  const result = await runDemo({
    output: standardOutput(),
    look: lookOf(process.stdout),
    asJson,
    stays: process.stdout.isTTY && options.once !== true && !asJson,
    signal: stop.signal,
    program: [process.execPath, process.argv[1] ?? ""].map(shellPath).join(" "),
  }).catch((error: unknown) => {
    throw asCliError(error);
  });
  if (result !== "as-expected") throw new Finding();
}

function lookOf({ isTTY, columns }: NodeJS.WriteStream): Look {
  const { NO_COLOR: noColor = "", TERM: terminal = "" } = process.env;
  return {
    width: isTTY && columns > 0 ? columns : WIDTH_DEFAULT,
    isStyled: isTTY && noColor === "" && terminal !== "dumb",
  };
}

/** As short as it can be from here. */
function shellPath(path: string): string {
  const near = relative(process.cwd(), path);
  const shown = near.startsWith("..") ? path : near;
  return /^[\w./@+-]+$/.test(shown) ? shown : `"${shown}"`;
}
