import type { Command } from "commander";
import { expect, test } from "vitest";
import { REASON_CODES } from "../core/reason-codes.ts";
import { createProgram } from "./program.ts";

/** `queue retry` of "`postern queue retry ID`". */
const NAMED = /postern ((?:[a-z]+ ?){1,3})/g;

const named = Object.entries(REASON_CODES).flatMap(([code, { next }]) =>
  [...next.matchAll(NAMED)].map((match) => [match[1]?.trim() ?? "", code] as const),
);

test("there are commands in what reason codes say to do next", () => {
  expect(named.length).toBeGreaterThan(50);
});

const program = await createProgram([]);

test.each(named)("`postern %s`, which %s says to run next, is there", (words) => {
  let command: Command = program;
  for (const word of words.split(" ")) {
    if (command.commands.length === 0) break;
    const found: Command | undefined = command.commands.find((candidate) => candidate.name() === word);
    expect(found?.name()).toBe(word);
    if (found !== undefined) command = found;
  }
});
