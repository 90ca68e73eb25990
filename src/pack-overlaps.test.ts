import { expect, test } from "vitest";
import { overlapsOf } from "./pack-overlaps.ts";
import type { NamedPack } from "./pack-overlaps.ts";

const pack = (path: string, ...bases: readonly string[]): NamedPack => ({ path, id: path.slice(3, 5), bases });

test.each<[string, readonly NamedPack[], readonly RegExp[]]>([
  ["packs apart", [pack("/p/ab"), pack("/p/cd", "/p/ef")], []],
  ["a base before", [pack("/p/ab"), pack("/p/cd", "/p/ab")], [/cd: it extends ab.* name cd alone/]],
  ["a base behind", [pack("/p/cd", "/q/../p/ab"), pack("/p/ab")], [/cd: it extends ab.* name cd alone/]],
  ["a base of a base", [pack("/p/ab"), pack("/p/cd", "/p/ef", "/p/ab")], [/cd: it extends ab/]],
  ["one base of two", [pack("/p/ab", "/p/ef"), pack("/p/cd", "/p/ef")], [/cd: it and ab both extend ef/]],
  ["one name", [pack("/p/ab"), { ...pack("/q/zz"), id: "ab" }], [/zz: it is called ab like ab/]],
  [
    "three of one base",
    [pack("/p/ab"), pack("/p/cd", "/p/ab"), pack("/p/ef", "/p/ab")],
    [/cd: it extends ab/, /ef: it extends ab/, /ef: it and cd both extend ab/],
  ],
])("%s", (_, packs, told) => {
  const rows = overlapsOf(packs).map(({ path, why, next }) => `${path.slice(3)}: ${why}; ${next}`);
  expect(rows).toEqual(told.map((pattern) => expect.stringMatching(pattern) as string));
});
