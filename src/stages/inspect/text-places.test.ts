import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuMsOf } from "../../../test/support/cpu-time.ts";
import type { Segment } from "./compiled-pack.ts";
import { inspectMail, mixed, packOf } from "./inspect-mails.suite.ts";
import { matchPack } from "./match-pack.ts";
import { marksIn, TextPlaces } from "./text-places.ts";

/** The place of each line, or `body`. */
function placesOf(text: string): readonly string[] {
  const marks = marksIn(text);
  let start = 0;
  return text.split("\n").map((line) => {
    const at = start;
    start += line.length + 1;
    return marks.find((mark) => mark.start <= at && at + line.length <= mark.end)?.place ?? "body";
  });
}

const NINE = Array.from({ length: 9 }, (_, i) => `line ${i}`);

describe("the lines of a text are told apart", () => {
  test.each<[string, readonly string[], readonly string[]]>([
    ["quoted lines", ["see below", "> asthma", "and this"], ["body", "quoted", "body"]],
    ["a tail that a reply carries", ["Yes.", "On Mon, 2 Nov 2026, A wrote:", "asthma"], ["body", "quoted", "quoted"]],
    [
      "an introduction over two lines",
      ["Yes.", "On Mon, 2 Nov 2026 at 9:00,", "A <a@b.example> wrote:", "x"],
      ["body", "quoted", "quoted", "quoted"],
    ],
    [
      "an answer below quoted lines",
      ["On Mon, 2 Nov 2026, A wrote:", "> how is she", "She has asthma"],
      ["body", "quoted", "body"],
    ],
    [
      "a header block of Outlook",
      ["fyi", "From: A", "Sent: Monday", "To: B", "Subject: C", "x"],
      ["body", "quoted", "quoted", "quoted", "quoted", "quoted"],
    ],
    ["an original message", ["fyi", "-----Original Message-----", "x"], ["body", "quoted", "quoted"]],
    ["a sentence that begins with from", ["From: here on she is fine", "x"], ["body", "body"]],
    ["a signature", ["x", "-- ", "Jane Doe", "212-555-0147"], ["body", "signature", "signature", "signature"]],
    ["a closing", ["x", "Kind regards,", "", "Jane Doe"], ["body", "signature", "signature", "signature"]],
    [
      "a signature before the quoted tail and a footer",
      ["x", "-- ", "Jane", "", "You are not the intended recipient? Delete it.", "On Mon, 2 Nov 2026, A wrote:"],
      ["body", "signature", "signature", "body", "footer", "quoted"],
    ],
    ["no signature of nine lines", ["x", "-- ", ...NINE], ["body", "body", ...NINE.map(() => "body")]],
    ["no signature with a long line", ["x", "-- ", "a".repeat(81)], ["body", "body", "body"]],
    ["no signature in the middle", ["Thanks,", ...NINE], ["body", ...NINE.map(() => "body")]],
    ["a remark of a list", ["x", "", "To unsubscribe write to us"], ["body", "body", "footer"]],
    ["an address behind it", ["To unsubscribe write to:", "a@b.example", "x"], ["footer", "footer", "body"]],
    [
      "no footer as long as a text",
      ["confidentiality notice", ...Array(20).fill("b".repeat(100))],
      Array(21).fill("body"),
    ],
    ["no text before a notice", ["MRN 1234567", "You are not the intended recipient? Delete it."], ["body", "footer"]],
    ["no text that goes on before a notice", [`${"a ".repeat(40)}not the intended recipient`], ["body"]],
    [
      "a notice with its heading and its broken lines",
      ["Legal notice:", "a", "CONFIDENTIALITY NOTICE:", `This message ${"is ".repeat(20)}`, "private.", "", "b"],
      ["body", "body", "footer", "footer", "footer", "body", "body"],
    ],
    [
      "no text behind a notice",
      ["You are not the intended recipient? Delete it.", "She has asthma."],
      ["footer", "body"],
    ],
    ["no sentence that ends in a colon", ["Patient Anna Sample needs the form:", "MRN: ____"], ["body", "form"]],
    ["a blank form", ["Name: ____ DOB: ____", "MRN:", "Diagnosis:", "[ ] Asthma"], Array(4).fill("form")],
    ["a gap for a date", ["Name: ____ DOB: __/__/____", "Seen on ____/____/______"], Array(2).fill("form")],
    ["no label with its value below", ["MRN:", "1234567"], ["body", "body"]],
    ["no label with its value behind", ["Name: Jane Doe ____"], ["body"]],
    ["no ticked box", ["[x] Asthma [ ] Diabetes"], ["body"]],
    ["no gap that is filled", ["Asthma ____X____"], ["body"]],
    ["no gap beside a number", ["DOB 01/02/1990 ____"], ["body"]],
  ])("%s", (_, lines, expected) => {
    expect(placesOf(lines.join("\n"))).toEqual(expected);
  });

  test("marks stand in order, apart and within the text, whatever it says", () => {
    const line = fc.oneof(
      fc.constantFrom(
        "",
        "> a",
        "-- ",
        "Regards,",
        "On Mon, 2 Nov A wrote:",
        "From: A",
        "Sent: B",
        "To: C",
        "DOB:",
        "____",
      ),
      fc.string({ maxLength: 90 }),
    );
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const text = lines.join("\n");
        let last = -1;
        for (const { start, end } of marksIn(text)) {
          expect(start).toBeGreaterThan(last);
          expect(end).toBeGreaterThanOrEqual(start);
          last = end;
        }
        expect(last).toBeLessThanOrEqual(text.length);
      }),
      { numRuns: 200 },
    );
  });

  test.each(["> a\n", "On a b c d\n", "From: a\n", "DOB:\n", "-- \n", "\n", "a", "____ "])(
    "a megabyte of %j is quick",
    (piece) => {
      const text = piece.repeat(1_000_000 / piece.length);
      expect(cpuMsOf(() => marksIn(text))).toBeLessThan(2_000);
    },
  );
});

const DETECTORS = `version: 1
pack: p
detectors:
  - { id: id, type: regex, pattern: 'ID\\d{3}', classes: [identifier] }
  - { id: term, type: dictionary, classes: [health], terms: [flu, gout] }
rules:
  - id: reads-all
    status: "off"
    action: tag
    when: { any_of: [id, term] }
`;

function holds(rule: string, text: string, place: Partial<Segment> = {}): boolean {
  const pack = packOf(`${DETECTORS}  - { id: r, action: protect, ${rule} }`);
  const segments = [{ part: "1", kind: "body", message: 0, text, ...place } as const];
  const context = { senderNames: new Set<string>(), isLate: () => false, matchesMax: 100 };
  return matchPack(pack, segments, context).satisfied.length > 0;
}

const SIGNED = "hello\n-- \nID123 flu";
const BOTH = "{ all: [{ class: identifier }, { class: health, within: 30 }] }";

describe("a match counts in the places a rule names", () => {
  test.each<[string, string, string, boolean]>([
    ["everywhere by default", `when: ${BOTH}`, SIGNED, true],
    ["not elsewhere", `scope: [body], when: ${BOTH}`, SIGNED, false],
    ["there", `scope: [body, signature], when: ${BOTH}`, SIGNED, true],
    ["not where it is ruled out", `not_in: [signature], when: ${BOTH}`, SIGNED, false],
    [
      "with a long text below the dashes",
      `not_in: [signature], when: ${BOTH}`,
      `hello\n-- \nID123 flu\n${NINE.join("\n")}`,
      true,
    ],
    ["in a quoted tail that is not ruled out", `not_in: [signature], when: ${BOTH}`, "x\n> -- \n> ID123 flu", true],
    ["by a condition's own scope", "scope: [body], when: { class: health, scope: [signature] }", SIGNED, true],
    [
      "by a condition alone",
      "when: { all: [{ class: identifier, not_in: [quoted] }, { class: health }] }",
      "> ID123\nflu",
      false,
    ],
    [
      "of two conditions each by its own",
      "when: { all: [{ class: identifier, not_in: [quoted] }, { class: health }] }",
      "ID123\n> flu",
      true,
    ],
    [
      "what must not be there, there",
      "when: { all: [{ class: identifier }, { not: { class: health, scope: [quoted] } }] }",
      "ID123 flu",
      true,
    ],
  ])("%s", (_, rule, text, expected) => {
    expect(holds(rule, text)).toBe(expected);
  });

  const suppressing = (more: string): string =>
    `when: ${BOTH} }\nsuppress:\n  - { id: s, classes: [health], not_in: [signature, form]${more}`;
  test.each<[string, string, string, boolean]>([
    ["where it stands", "", "ID123\n-- \nflu", false],
    ["unless it stands elsewhere too", "", "ID123 gout\n-- \nflu", true],
    ["beside what it is without", ", unless: { classes: [identifier] }", "ID124\n-- \nID123 flu", true],
    ["and not for what stands elsewhere", ", unless: { classes: [identifier] }", "ID123\n-- \nflu", false],
    ["nor in another stretch", ", unless: { classes: [identifier] }", "flu ____\nID123 is it\nB: ____", false],
    ["nor for what is not sure enough", ", unless: { classes: [identifier], min_confidence: 90 }", SIGNED, false],
  ])("a suppressed match does not count %s", (_, unless, text, expected) => {
    expect(holds(suppressing(unless), text)).toBe(expected);
  });

  test.each(["subject", "filename", "header"] as const)("of kind %s", (kind) => {
    expect(holds(`scope: [${kind}], when: ${BOTH}`, "ID123 flu", { kind })).toBe(true);
    expect(holds(`scope: [body], when: ${BOTH}`, "ID123 flu", { kind })).toBe(false);
  });

  test("of attachments, and of the marks within them", () => {
    expect(holds(`scope: [attachment], when: ${BOTH}`, SIGNED, { isAttached: true })).toBe(true);
    expect(holds(`scope: [body], when: ${BOTH}`, "ID123 flu", { isAttached: true })).toBe(false);
    expect(holds(`scope: [attachment], not_in: [signature], when: ${BOTH}`, SIGNED, { isAttached: true })).toBe(false);
  });

  test("of a mail, whose files and messages within are told apart", async () => {
    const pack = (scope: string): string =>
      `${DETECTORS}  - { id: r, action: protect, scope: [${scope}], when: ${BOTH} }`;
    const file = [
      "Content-Type: text/plain; name=a.txt",
      "Content-Disposition: attachment; filename=a.txt",
      "",
      "ID123 flu",
    ];
    const inner = ["Content-Type: message/rfc822", "", "Subject: x", "", "ID123 flu"];
    const verdict = async (part: readonly string[], scope: string): Promise<string> =>
      (await inspectMail(mixed([["", "hello"], part]), { pack: pack(scope) })).verdict;
    expect(await verdict(file, "attachment")).toBe("phi");
    expect(await verdict(file, "body")).toBe("clean");
    expect(await verdict(inner, "body")).toBe("phi");
    expect(await verdict(["", "hello", "> ID123 flu"], "quoted")).toBe("phi");
  });

  test("a match across two places is of neither", () => {
    const places = new TextPlaces([{ part: "1", kind: "body", message: 0, text: "ab\n> cd" }]);
    expect(places.of(0, { start: 0, end: 7 })).toEqual(["body"]);
    expect(places.of(0, { start: 3, end: 7 })).toEqual(["quoted"]);
    expect(places.of(1, { start: 0, end: 1 })).toEqual([]);
  });
});
