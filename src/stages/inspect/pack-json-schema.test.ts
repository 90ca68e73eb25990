import { readdirSync, readFileSync } from "node:fs";
import { Ajv } from "ajv";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { keysWithoutHelp, packJsonSchema } from "./pack-json-schema.ts";

const SHIPPED = new URL("../../../config/dlp/", import.meta.url);
const packs = readdirSync(SHIPPED).filter((name) => name.endsWith(".yaml"));

test("an editor explains every key", () => {
  expect(keysWithoutHelp()).toEqual([]);
});

test("a key is explained by the place it stands in", () => {
  const text = JSON.stringify(packJsonSchema());
  for (const help of ["How much one hit counts", "add up to this", "Words that only look so", "What must not hold"])
    expect(text).toContain(help);
});

test.each(packs)("%s names the schema beside it and an editor finds no fault in it", (name) => {
  const text = readFileSync(new URL(name, SHIPPED), "utf8");
  expect(text.split("\n", 1)[0]).toBe("# yaml-language-server: $schema=pack.schema.json");
  const validate = new Ajv({ strict: false }).compile(packJsonSchema());
  expect([validate(parse(text)), validate.errors]).toEqual([true, null]);
});
