/**
 * Runs the tests a pack carries: what its detectors must and must not see, which rules a text must satisfy.
 * Promises: every failing test is reported at its place; switched-off rules are not expected, shadow rules are.
 */
import type { Report } from "./compile-detectors.ts";
import type { CompiledPack, Segment } from "./compiled-pack.ts";
import { scanSegment } from "./detectors.ts";
import type { ScanContext } from "./detectors.ts";
import { matchPack } from "./match-pack.ts";
import { normaliseText, normaliseValue } from "./normalise.ts";
import type { DetectorTests, PackFile } from "./pack-schema.ts";

const CONTEXT: ScanContext = { senderNames: new Set(), isLate: () => false, matchesMax: 10_000 };

/** The number of tests run. */
export function runPackTests(file: PackFile, pack: CompiledPack, report: Report): number {
  let count = 0;
  file.detectors.forEach((entry, index) => {
    if (entry.tests === undefined) return;
    const failures = testDetector(entry.tests, entry.id, pack);
    for (const { path, message } of failures) report(["detectors", index, "tests", ...path], message);
    count += entry.tests.match.length + entry.tests.no_match.length;
  });
  const rules = new Set(pack.rules.map((rule) => rule.id));
  file.tests.forEach((test, index) => {
    const found = rulesFor(pack, segmentsOf(test));
    const expected = test.expect.filter((id) => rules.has(id));
    test.expect.forEach((id, position) => {
      if (!file.rules.some((rule) => rule.id === id))
        report(["tests", index, "expect", position], `no rule is called "${id}"`);
    });
    const missing = expected.filter((id) => !found.has(id));
    const surplus = Array.from(found).filter((id) => !expected.includes(id));
    if (missing.length > 0) report(["tests", index], `test failed: ${missing.join(", ")} should hold and does not`);
    if (surplus.length > 0) report(["tests", index], `test failed: ${surplus.join(", ")} holds and should not`);
    count += 1;
  });
  return count;
}

type Failure = { readonly path: readonly (string | number)[]; readonly message: string };

function testDetector(tests: DetectorTests, id: string, pack: CompiledPack): readonly Failure[] {
  const failures: Failure[] = [];
  tests.match.forEach((test, index) => {
    const { text, value, level } = typeof test === "string" ? { text: test, value: undefined, level: undefined } : test;
    const found = matchesOf(text, id, pack);
    const fitting = found.filter(
      (match) => value === undefined || match.value === normaliseValue(normaliseText(value)),
    );
    const path = ["match", index];
    if (found.length === 0) failures.push({ path, message: "test failed: nothing was found here" });
    else if (fitting.length === 0)
      failures.push({ path, message: "test failed: something else was found than the value given" });
    else if (level !== undefined && !fitting.some((match) => match.confidence === level)) {
      const levels = fitting.map((match) => match.confidence).join(", ");
      failures.push({ path, message: `test failed: confidence is ${levels}, not ${level}` });
    }
  });
  tests.no_match.forEach((text, index) => {
    const [found] = matchesOf(text, id, pack);
    if (found !== undefined) {
      const message = `test failed: found at character ${found.start + 1} with confidence ${found.confidence}`;
      failures.push({ path: ["no_match", index], message });
    }
  });
  return failures;
}

function matchesOf(text: string, id: string, pack: CompiledPack): ReturnType<typeof scanSegment> {
  const segment: Segment = { part: "1", kind: "body", message: 0, text: normaliseText(text) };
  const narrowed: CompiledPack = { ...pack, detectors: pack.detectors.filter((detector) => detector.id === id) };
  return scanSegment(narrowed, { segment, index: 0 }, CONTEXT).filter((match) => match.confidence > 0);
}

function segmentsOf(test: {
  readonly subject?: string | undefined;
  readonly text?: string | undefined;
}): readonly Segment[] {
  const subject =
    test.subject === undefined ? [] : [{ part: "header:subject", kind: "subject", text: test.subject } as const];
  const body = test.text === undefined ? [] : [{ part: "1", kind: "body", text: test.text } as const];
  return [...subject, ...body].map((each) => ({ ...each, message: 0, text: normaliseText(each.text) }));
}

function rulesFor(pack: CompiledPack, segments: readonly Segment[]): ReadonlySet<string> {
  return new Set(matchPack(pack, segments, CONTEXT).satisfied.map((rule) => rule.id));
}
