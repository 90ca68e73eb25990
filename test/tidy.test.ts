import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { REASON_CODES } from "../src/core/reason-codes.ts";
import { packJsonSchema } from "../src/stages/inspect/pack-json-schema.ts";
import { checkCodes, checkErrorPage, readCatalogue } from "./tidy/catalogue-rules.ts";
import { checkCircles, checkImportLaw, checkPackageHomes, checkResolution, countEdges } from "./tidy/import-rules.ts";
import { CODES_MIN, IMPORT_EDGES_MIN, LOG_CALLS_MIN, SOURCE_FILES_MIN } from "./tidy/laws.ts";
import { checkLogNames, checkLogPage } from "./tidy/log-rules.ts";
import { checkTraces, checkVersions } from "./tidy/repository-rules.ts";
import { checkHeaders, checkNames, checkPlaces, checkSizes } from "./tidy/shape-rules.ts";
import { readTree } from "./tidy/tree.ts";
import type { Tree, Violation } from "./tidy/tree.ts";

const RULES: Readonly<Record<string, (tree: Tree) => readonly Violation[]>> = {
  "files import only what the import law lets them": checkImportLaw,
  "parts do not import in a circle": checkCircles,
  "every npm package is imported in its home only": checkPackageHomes,
  "every relative import leads to a file": checkResolution,
  "files, functions and parameter lists stay small": checkSizes,
  "clock, chance, environment and console stay in their places": checkPlaces,
  "files and folders are named for what they hold": checkNames,
  "every source begins with its promise": checkHeaders,
  "codes in the source and in the catalogue agree": checkCodes,
  "docs/errors.md and the catalogue agree": checkErrorPage,
  "events of the log have names of one style": checkLogNames,
  "docs/log-events.md and the log agree": checkLogPage,
  "no file names a machine or a registry": checkTraces,
  "package.json pins exact versions": checkVersions,
};

const house = readTree(fileURLToPath(new URL("..", import.meta.url)));

function linesOf(violations: readonly Violation[]): readonly string[] {
  return violations.map(({ rule, path, line, message }) => `${path}:${line} ${rule}: ${message}`);
}

describe("the house is tidy", () => {
  test("enough was seen to judge", () => {
    expect(house.sources.length).toBeGreaterThanOrEqual(SOURCE_FILES_MIN);
    expect(countEdges(house)).toBeGreaterThanOrEqual(IMPORT_EDGES_MIN);
    expect(house.sources.flatMap(({ functions }) => functions).length).toBeGreaterThan(SOURCE_FILES_MIN);
    expect(house.sources.flatMap(({ logs }) => logs).length).toBeGreaterThan(LOG_CALLS_MIN);
  });

  test("the catalogue is read whole", () => {
    const read = readCatalogue(house);
    expect(read.length).toBeGreaterThanOrEqual(CODES_MIN);
    expect(Object.fromEntries(read.map(({ code, what, next }) => [code, { what, next }]))).toEqual(REASON_CODES);
  });

  test.each(Object.entries(RULES))("%s", (_, rule) => {
    expect(linesOf(rule(house))).toEqual([]);
  });
});

test("config/dlp/pack.schema.json is what the code says: node src/cli/cli.ts dlp schema > config/dlp/pack.schema.json", () => {
  const shipped = readFileSync(new URL("../config/dlp/pack.schema.json", import.meta.url), "utf8");
  expect(JSON.parse(shipped)).toEqual(packJsonSchema());
});

describe("each rule catches a planted violation", () => {
  const folder = new URL("./tidy/fixtures/", import.meta.url);
  const names = readdirSync(folder);

  test("every rule has its fixture", () => {
    const planted = names.flatMap((name) => expectedOf(name).map((line) => line.split(" ", 1)[0]));
    expect(new Set(planted)).toEqual(
      new Set([
        "import-law",
        "circle",
        "package-home",
        "unresolved",
        "file-size",
        "function-size",
        "parameters",
        "place",
        "name",
        "default-export",
        "header",
        "code-unknown",
        "code-unused",
        "code-twice",
        "errors-page",
        "log-event",
        "log-page",
        "machine-path",
        "registry",
        "version",
      ]),
    );
  });

  function expectedOf(name: string): readonly string[] {
    return readFileSync(new URL(`${name}/expected.txt`, folder), "utf8")
      .trim()
      .split("\n");
  }

  test.each(names)("%s", (name) => {
    const tree = readTree(fileURLToPath(new URL(name, folder)));
    const found = Object.values(RULES).flatMap((rule) => rule(tree));
    expect(found.map(({ rule, path, line }) => `${rule} ${path}:${line}`).toSorted()).toEqual(
      expectedOf(name).toSorted(),
    );
  });
});
