import { describe, expect, test } from "vitest";
import { packOf } from "./inspect-mails.suite.ts";
import { scanSegment } from "./detectors.ts";
import { normaliseText } from "./normalise.ts";

const pack = packOf(`version: 1
pack: p
detectors: [{ id: d, type: word_ending, classes: [health], endings: [itis, ectomy, statin, emia], not: [academia] }]
rules: [{ id: r, action: tag, when: { class: health } }]
`);

function found(text: string): readonly string[] {
  const segment = { part: "1", kind: "body", message: 0, text: normaliseText(text) } as const;
  const context = { senderNames: new Set<string>(), isLate: () => false, matchesMax: 100 };
  return scanSegment(pack, { segment, index: 0 }, context).map(({ start, end }) => segment.text.slice(start, end));
}

describe("words by their ending", () => {
  test.each<[string, string, readonly string[]]>([
    ["in a sentence", "her tendinitis after the appendectomy", ["tendinitis", "appendectomy"]],
    ["in any case", "LEUKEMIA, Hysterectomy", ["LEUKEMIA", "Hysterectomy"]],
    [
      "in the plural",
      "both tonsillectomies, statins and rosuvastatins",
      ["tonsillectomies", "statins", "rosuvastatins"],
    ],
    ["not where a word only begins so", "the ectomyx", []],
    ["not the ending alone", "itis", []],
    ["not what is excluded, also in the plural", "academia and academias", []],
    ["not with other characters in it", "x1234emia or naïvemia", []],
    ["not letters that only look like it", "αβγδεζitiσ", []],
  ])("%s", (_, text, words) => {
    expect(found(text)).toEqual(words);
  });
});
