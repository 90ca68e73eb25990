import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { configJsonSchema, configSchema } from "./config-schema.ts";
import { parseYamlFile } from "./yaml-document.ts";
import { formatYamlError, readYaml } from "./yaml-source.ts";

const example = readFileSync(new URL("../../../config/postern.yaml", import.meta.url), "utf8").split("\n");

/** The file with its default lines uncommented. */
const defaults = example.map((line) => (/^#(?![#>])/.test(line) ? line.slice(1) : line)).join("\n");
/** The example lines alone. */
const examples = ["version: 1", ...example.filter((line) => line.startsWith("#>")).map((line) => line.slice(2))].join(
  "\n",
);

function valueOf(text: string): unknown {
  const reading = readYaml(text, "postern.yaml");
  if (!reading.ok) throw new Error(reading.errors.map(formatYamlError).join("\n"));
  return reading.source.value;
}

function parse(text: string): unknown {
  const parsed = parseYamlFile(text, "postern.yaml", configSchema);
  if (!parsed.ok) throw new Error(parsed.errors.map(formatYamlError).join("\n"));
  return parsed.value;
}

type Shape = { readonly properties?: Readonly<Record<string, Shape>>; readonly items?: Shape };

function keysOfSchema(shape: Shape, path = ""): readonly string[] {
  const inner = shape.items === undefined ? [] : keysOfSchema(shape.items, path);
  const own = Object.entries(shape.properties ?? {}).flatMap(([key, child]) => [
    `${path}.${key}`,
    ...keysOfSchema(child, `${path}.${key}`),
  ]);
  return [...inner, ...own];
}

function keysOfValue(value: unknown, path = ""): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((item) => keysOfValue(item, path));
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, child]) => [`${path}.${key}`, ...keysOfValue(child, `${path}.${key}`)]);
}

test("config/postern.yaml as shipped loads with the defaults", () => {
  expect(parse(example.join("\n"))).toEqual(parse("version: 1"));
});

test("config/postern.yaml with its default lines uncommented loads with the same defaults", () => {
  expect(parse(defaults)).toEqual(parse("version: 1"));
  expect(Object.keys(valueOf(defaults) as object).length).toBeGreaterThan(12);
});

test("the examples in config/postern.yaml are valid", () => {
  expect(parse(examples)).toMatchObject({ instance_id: "gateway-a" });
});

test("config/postern.yaml lists every option there is, and no other", () => {
  const listed = new Set([...keysOfValue(valueOf(defaults)), ...keysOfValue(valueOf(examples))]);
  const known = new Set(keysOfSchema(configJsonSchema()));
  expect(known.size).toBeGreaterThan(80);
  expect([...listed].toSorted()).toEqual([...known].toSorted());
});

test("the rule packs of the default configuration are shipped", () => {
  const packs = configSchema.parse({ version: 1 }).dlp.packs;
  expect(packs.length).toBeGreaterThan(0);
  expect(packs.filter((pack) => !existsSync(new URL(`../../../config/${pack}`, import.meta.url)))).toEqual([]);
});
