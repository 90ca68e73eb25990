import { describe, expect, test } from "vitest";
import { explainFindings } from "./explain-findings.ts";
import { createInspect, hashValue } from "./inspect.ts";
import type { Seen } from "./inspect.ts";
import { base64, inspectMail, mixed, packOf, stillClock, TEST_PACK } from "./inspect-mails.suite.ts";
import { DEFAULT_INSPECT_OPTIONS } from "./inspect-options.ts";
import { normaliseValue } from "./normalise.ts";
import { scanBytes } from "./scan.ts";

const PACK = `version: 1
pack: p
detectors:
  - id: s
    type: sender
    classes: [sender]
    addresses: [Reminders@Clinic.example, lists.example, .below.example, bücher.example]
    list_ids: [News.clinic.example, .wards.example]
    words: [oncology, behavioral health]
  - { id: address, type: regex, classes: [address], pattern: '[a-z]{1,20}@[a-z.]{1,40}' }
  - { id: bulk, type: dictionary, classes: [bulk], terms: [list-unsubscribe] }
  - { id: visit, type: dictionary, classes: [visit], terms: [appointment] }
rules:
  - { id: known, action: protect, when: { all: [{ class: sender, min_confidence: 85 }, { not: { class: bulk } }] } }
  - { id: named, action: tag, when: { class: sender } }
  - { id: near, action: tag, when: { all: [{ class: sender }, { class: visit, within: 20 }] } }
  - { id: address, action: tag, when: { class: address } }
`;

async function rulesFor(header: readonly string[], body = "hello"): Promise<readonly string[]> {
  const { hits } = await inspectMail([...header, "", body], { pack: PACK });
  return hits.map(({ rule }) => rule);
}

async function seenBy(pack: string, mail: string): Promise<Seen> {
  let seen: Seen | null = null;
  const watch = (each: Seen): void => void (seen = each);
  const deps = { packs: [packOf(pack)], hashKey: new Uint8Array(32), clock: stillClock, watch };
  await scanBytes(Buffer.from(mail), "a.eml", createInspect(DEFAULT_INSPECT_OPTIONS, deps));
  if (seen === null) throw new Error("nothing was seen");
  return seen;
}

describe("a sender is known by", () => {
  test.each<[string, readonly string[]]>([
    ["its address, in any case", ["From: REMINDERS@clinic.EXAMPLE"]],
    ["its address beside a name", ['From: "Clinic, reminders" <reminders@clinic.example>']],
    ["its address beside an encoded name", [`From: =?utf-8?B?${base64("Clinic (")}?= <reminders@clinic.example>`]],
    ["one of several addresses", ["From: a@b.example, Group: c@d.example, <reminders@clinic.example>;"]],
    ["a second From", ["From: a@b.example", "From: reminders@clinic.example"]],
    ["Sender", ["From: a@b.example", "Sender: reminders@clinic.example"]],
    ["a quoted local part", ['From: "reminders"@clinic.example']],
    ["its domain", ["From: anybody@lists.example"]],
    ["a domain below", ["From: a@deep.below.example"]],
    ["an international domain as A-labels", ["From: a@xn--bcher-kva.example"]],
    ["an international domain as it is read", [`From: ${Buffer.from("a@BÜCHER.example").toString("latin1")}`]],
    ["its list", ["From: a@b.example", "List-Id: Clinic news <news.CLINIC.example>"]],
    ["its list without brackets", ["From: a@b.example", "List-ID: news.clinic.example"]],
    ["a list below", ["From: a@b.example", "List-Id: <seven.wards.example>"]],
  ])("%s", async (_, header) => {
    expect(await rulesFor(header)).toEqual(["known", "named"]);
  });
});

describe("what a sender is called counts less:", () => {
  test.each<[string, readonly string[]]>([
    ["before the @", ["From: oncology-reminders@b.example"]],
    ["before the @, in several words", ["From: Behavioral_Health.desk@b.example"]],
    ["beside the address", ["From: Cedar Oncology <noreply@b.example>"]],
    ["in front of the list's first dot", ["From: a@b.example", "List-Id: <oncology.b.example>"]],
    ["beside the list", ["From: a@b.example", "List-Id: Oncology patients <l7.b.example>"]],
  ])("%s", async (_, header) => {
    expect(await rulesFor(header)).toEqual(["named"]);
  });
});

describe("nobody is found in", () => {
  test.each<[string, readonly string[]]>([
    ["another address of the domain", ["From: reminder@clinic.example"]],
    ["a domain below one that stands alone", ["From: a@sub.lists.example"]],
    ["the domain above", ["From: a@below.example"]],
    ["a piece of a word", ["From: psychooncology@b.example"]],
    ["words of the domain", ["From: a@oncology.example"]],
    ["recipients and answers", ["From: a@b.example", "To: reminders@clinic.example", "Reply-To: oncology@b.example"]],
    ["a list of another name", ["From: a@b.example", "List-Id: <old.news.clinic.example>"]],
    ["a header without a sender", ["Subject: oncology"]],
  ])("%s", async (_, header) => {
    expect(await rulesFor(header)).toEqual([]);
  });
});

test("a newsletter of the same sender is told apart by its header", async () => {
  const header = ["From: reminders@clinic.example", "List-Unsubscribe: <mailto:out@b.org>"];
  expect(await rulesFor(header)).not.toContain("known");
});

describe("a window from the sender", () => {
  const known = ["From: reminders@clinic.example"];
  test.each<[string, readonly string[], string, boolean]>([
    ["reaches the beginning of the text", known, "your appointment", true],
    ["reaches the subject", [...known, "Subject: appointment"], "hello", true],
    ["ends where it says", known, `${"far ".repeat(20)}appointment`, false],
  ])("%s", async (_, header, body, expected) => {
    expect((await rulesFor(header, body)).includes("near")).toBe(expected);
  });

  test("stays within its message", async () => {
    const inner = ["Content-Type: message/rfc822", "", ...known, "", "hello"];
    const { hits } = await inspectMail(mixed([["", "your appointment"], inner]), { pack: PACK });
    expect(hits.map(({ rule }) => rule)).toEqual(["known", "named"]);
  });
});

test("the sender of a message within is known too, and told by its place", async () => {
  const inner = ["Content-Type: message/rfc822", "", "From: reminders@clinic.example", "", "your appointment"];
  const { hits, findings } = await inspectMail(mixed([["", "hello"], inner]), { pack: PACK });
  expect(hits.map(({ rule }) => rule)).toEqual(["known", "named", "near"]);
  expect(findings.find(({ detector }) => detector === "s")?.part).toMatch(/^header:sender@2/);
});

test("a finding holds a keyed hash of the address and nothing else of it", async () => {
  const findings = await inspectMail(["From: Reminders@clinic.example", "", "hello"], { pack: PACK });
  const valueHash = hashValue(normaliseValue("reminders@clinic.example"), new Uint8Array(32));
  expect(findings.findings).toHaveLength(1);
  expect(findings.findings[0]).toMatchObject({ detector: "s", confidence: 85, part: "header:sender", valueHash });
  expect(JSON.stringify(findings).toLowerCase()).not.toMatch(/reminders|clinic/);
});

test("it is explained once, as the sender", async () => {
  const seen = await seenBy(PACK, "From: reminders@clinic.example\n\nhello");
  expect(explainFindings(packOf(PACK), seen).filter(({ detector }) => detector === "s")).toEqual([
    expect.objectContaining({ confidence: 85, level: 85, dropped: null, value: "reminders@clinic.example" }),
  ]);
});

test("where no pack asks, nobody looks", async () => {
  const mail = "From: reminders@clinic.example\n\nhello";
  expect((await seenBy(TEST_PACK, mail)).segments.map(({ kind }) => kind)).not.toContain("sender");
  expect((await seenBy(PACK, mail)).segments.map(({ kind }) => kind)).toContain("sender");
});
