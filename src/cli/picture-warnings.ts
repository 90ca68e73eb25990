/**
 * What keeps the program of `dlp.ocr` from reading pictures, as far as it can be told without running it.
 * Promises: starts nothing; a warning for each, with what to do. None of it keeps the service from starting: pictures stay uninspectable.
 */
import { accessSync, constants } from "node:fs";
import type { Config } from "../parts/config/config.ts";
import type { YamlError, YamlPath } from "../parts/config/yaml-source.ts";

/** An error at the value of a path of the configuration. */
export type ErrorAt = (path: YamlPath, message: string) => YamlError;

const CONFINED_BY = ["/usr/bin/bwrap", "/usr/bin/prlimit"];
/** What the program is looked for in where it is no path, and all it sees of the machine beside its data. */
const FOLDERS = ["/usr/bin", "/bin"];
const SEEN = /^\/(?:usr|bin|lib|lib64|data)\//;
const MEANWHILE = "pictures stay uninspectable meanwhile";

export function pictureWarnings({ command, dataDir }: Config["dlp"]["ocr"], placed: ErrorAt): readonly YamlError[] {
  const [program] = command;
  if (program === undefined) return [];
  const warnings: YamlError[] = [];
  const warn = (key: string, what: string, next: string): void =>
    void warnings.push(placed(["dlp", "ocr", key], `${what}: ${next}; ${MEANWHILE}`));
  for (const tool of CONFINED_BY)
    if (!isThere(tool, constants.X_OK)) warn("command", `there is no ${tool}`, "install bubblewrap and util-linux");
  if (program.includes("/") && !SEEN.test(program))
    warn("command", `${program} is not below /usr`, "name a program there, all else is hidden from it");
  else if (!program.startsWith("/data/") && !pathsOf(program).some((path) => isThere(path, constants.X_OK)))
    warn(
      "command",
      `there is no program ${program}`,
      "install it, such as with apt-get install tesseract-ocr, or correct the path",
    );
  if (dataDir !== null && !isThere(dataDir, constants.R_OK))
    warn("data_dir", `${dataDir} is not there or cannot be read`, "correct the path, or let this user read it");
  return warnings;
}

function pathsOf(program: string): readonly string[] {
  return program.includes("/") ? [program] : FOLDERS.map((folder) => `${folder}/${program}`);
}

function isThere(path: string, mode: number): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch {
    // Not there, or not for this user: either way it cannot be used.
    return false;
  }
}
