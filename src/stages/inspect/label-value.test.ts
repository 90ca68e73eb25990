import * as fc from "fast-check";
import { expect, test } from "vitest";
import { candidatesOf, scannedOf } from "./detectors.ts";
import { packOf } from "./inspect-mails.suite.ts";

const PACK = packOf(`version: 1
pack: p
detectors:
  - { id: p.after, type: label_id, classes: [c], labels: [mrn, case], gap: 12, value: '[A-Z]{0,3}-?\\d{3,6}' }
  - { id: p.both, type: label_id, classes: [c], labels: [mrn], side: both, value: '#?[A-Z]{0,2}\\d{2}(?:-[A-Z]{2}){0,2}' }
  - { id: p.words, type: label_id, classes: [c], labels: [case], value: '[A-Z]{4,6}' }
rules:
  - { id: p.rule, action: tag, when: { class: c } }
`);
const CONTEXT = { senderNames: new Set<string>(), isLate: () => false, matchesMax: 1_000 };

test("a look at where digits stand loses no value beside its label", () => {
  const word = fc.constantFrom(
    "MRN",
    "case",
    "is",
    "no.",
    ":",
    "-",
    "AB",
    "ABC-123",
    "A12",
    "12-AB-CD",
    "4711",
    "#77",
    "x",
    "\n",
  );
  const gap = fc.constantFrom(" ", "  ", "", ": ", " ".repeat(11), " ".repeat(12), " ".repeat(13));
  fc.assert(
    fc.property(fc.array(fc.tuple(word, gap), { maxLength: 14 }), (pieces) => {
      const text = pieces.flat().join("");
      const place = { segment: { part: "1", kind: "body" as const, message: 0, text }, index: 0 };
      const found = PACK.phrases.scan(text);
      const scan = scannedOf(place, found, CONTEXT);
      const everywhere = {
        ...scan,
        tokens: { ...scan.tokens, bounds: scan.tokens.bounds, count: scan.tokens.count, digits: [0, text.length] },
      };
      for (const { method } of PACK.detectors)
        expect(candidatesOf(scan, method)).toEqual(candidatesOf(everywhere, method));
      PACK.phrases.release(found);
    }),
    { numRuns: 2_000 },
  );
});
