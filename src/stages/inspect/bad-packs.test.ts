/** Every way to write a pack wrong: what is said of it, and what an editor sees of it before. */
import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { parseYamlFile } from "../../parts/config/yaml-document.ts";
import { formatPackError, loadPack } from "./pack-file.ts";
import { packJsonSchema } from "./pack-json-schema.ts";
import { packSchema } from "./pack-schema.ts";

const FOLDER = new URL("../../../test/bad-packs/", import.meta.url);
const names = readdirSync(FOLDER).filter((name) => name.endsWith(".yaml"));
const validate = new Ajv({ strict: false }).compile(packJsonSchema());

/** Lists of all that is known grow with the format; what is said before and behind them counts. */
function withoutLists(message: string): string {
  return message.replace(/((?:is not|missing;) one of|Known(?: here)?:) .+?(\.(?= |$)| is required here$)/, "$1 …$2");
}

test("there are cases, and none has the number of another", () => {
  expect(names.length).toBeGreaterThan(60);
  expect(new Set(names.map((name) => name.split("-")[0])).size).toBe(names.length);
});

test.each(names)("%s is refused with exactly these words", (name) => {
  const text = readFileSync(new URL(name, FOLDER), "utf8");
  const expected = text.split("\n").flatMap((line) => (line.startsWith("# error: ") ? [line.slice(9)] : []));
  const loading = loadPack(text, "f");
  const said = loading.ok ? [] : loading.errors.map((error) => withoutLists(formatPackError(error).slice("f:".length)));
  expect(said).toEqual(expected);
  expect(said.length).toBeGreaterThan(0);
});

test("an editor sees the faults of form that loading sees, and no others", () => {
  let refused = 0;
  for (const name of names) {
    const text = readFileSync(new URL(name, FOLDER), "utf8");
    let value: unknown;
    try {
      value = parse(text);
    } catch {
      // An editor tells what is no YAML by itself.
      continue;
    }
    const hasForm = parseYamlFile(text, name, packSchema).ok;
    expect([name, validate(value)]).toEqual([name, hasForm]);
    if (!hasForm) refused += 1;
  }
  expect(refused).toBeGreaterThan(20);
});
