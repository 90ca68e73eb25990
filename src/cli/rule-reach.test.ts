import { expect, test } from "vitest";
import { RULE_PACK } from "../../test/support/rule-pack.ts";
import { loadPack } from "../stages/inspect/pack-file.ts";
import { reachLines, rulesReaching } from "./rule-reach.ts";
import type { Reach } from "./rule-reach.ts";

const loading = loadPack(RULE_PACK, "acts.yaml");
const packs = loading.ok ? [loading.pack] : [];
const mailbox = (address: string): { address: string; localPart: string; domain: string; isUtf8: boolean } => {
  const [localPart = "", domain = ""] = address.split("@");
  return { address, localPart, domain, isUtf8: false };
};

test.each<[string, string, string | null, Reach]>([
  ["r.tagword", "tagged@a.test", null, "yes"],
  ["r.tagword", "other@a.test", null, "no"],
  ["r.senderword", "x@a.test", null, "depends on the sender"],
  ["r.senderword", "x@b.test", null, "no"],
  ["r.senderword", "x@a.test", "intern@clinic.test", "yes"],
  ["r.senderword", "x@a.test", "nurse@clinic.test", "no"],
  ["r.spareword", "x@a.test", null, "depends on the sender"],
  ["r.spareword", "x@b.test", null, "no"],
  ["r.spareword", "x@a.test", "boss@clinic.test", "no"],
  ["r.spareword", "x@a.test", "nurse@clinic.test", "yes"],
  ["r.holdword", "x@b.test", null, "yes"],
])("%s to %s from %s: %s", (rule, to, from, concerns) => {
  const reached = rulesReaching(packs, { sender: from === null ? null : mailbox(from), recipient: mailbox(to) });
  expect(reached.find((each) => each.rule === `acts/${rule}`)).toMatchObject({ concerns });
});

test("rules that protect everybody are not listed, and whom others name is not told", () => {
  const lines = reachLines(rulesReaching(packs, { sender: null, recipient: mailbox("x@a.test") })).join("\n");
  expect(lines).not.toMatch(/r\.protectword|r\.highword|clinic/);
  expect(lines).toContain("acts/r.shadowword (refuse, tag X, copy, notify sender, in shadow): concerns this mail");
});
