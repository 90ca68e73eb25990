/** The real surroundings of the configuration: files of this machine. Clock, name and variables are handed in by main.ts and the CLI. */
import { readFileSync, statSync } from "node:fs";
import type { ConfigEnvironment } from "./secret.ts";

export function nodeConfigEnvironment(
  given: Pick<ConfigEnvironment, "variables" | "hostname" | "now">,
): ConfigEnvironment {
  return {
    ...given,
    readFile: (path) => readFileSync(path),
    fileMode: (path) => statSync(path).mode & 0o7777,
  };
}
