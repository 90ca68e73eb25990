/**
 * Runs the tests a pack carries: what its detectors must and must not see, which rules a text must satisfy.
 * Promises: every failing test is reported at its place; switched-off rules are not expected, shadow rules are.
 */
import type { YamlPath } from "../../parts/config/yaml-source.ts";
import { checkKnown } from "./compile-detectors.ts";
import type { Report } from "./compile-detectors.ts";
import type { CompiledPack, Segment } from "./compiled-pack.ts";
import { scanSegment } from "./detectors.ts";
import type { ScanContext } from "./detectors.ts";
import { matchPack } from "./match-pack.ts";
import { senderIn } from "./message-header.ts";
import { normaliseText, normaliseValue } from "./normalise.ts";
import type { DetectorTests, PackFile } from "./pack-schema.ts";

const CONTEXT: ScanContext = { senderNames: new Set(), isLate: () => false, matchesMax: 10_000 };

/** One test of a pack; without failures it passed. Named by its place, not by its text. */
export type PackTestResult = {
  readonly name: string;
  readonly failures: readonly { readonly path: YamlPath; readonly message: string }[];
};

/** Runs all tests and reports every failure at its place; returns the number of tests run. */
export function runPackTests(file: PackFile, pack: CompiledPack, report: Report): number {
  const results = packTestResults(file, pack);
  for (const { failures } of results) for (const { path, message } of failures) report(path, message);
  return results.length;
}

/** In the order of the file. */
export function packTestResults(file: PackFile, loaded: CompiledPack): readonly PackTestResult[] {
  const pack = withSamples(loaded);
  const detectors = file.detectors.flatMap(({ id, tests }, index): readonly PackTestResult[] => {
    if (tests === undefined) return [];
    const failures = testDetector(tests, id, pack);
    return (["match", "no_match"] as const).flatMap((kind) =>
      tests[kind].map((_, position) => ({
        name: `${id} ${kind} ${position + 1}`,
        failures: failures
          .filter(({ path }) => path[0] === kind && path[1] === position)
          .map(({ path, message }) => ({ path: ["detectors", index, "tests", ...path], message })),
      })),
    );
  });
  return [...detectors, ...file.tests.map((test, index) => testRules({ file, pack }, test, index))];
}

/** No test of a pack knows a patient: detectors of type `edm` look among their own invented rows. */
function withSamples(pack: CompiledPack): CompiledPack {
  const detectors = pack.detectors.map((detector) => {
    const { method } = detector;
    return method.kind === "edm" ? { ...detector, method: { ...method, index: method.sample } } : detector;
  });
  return { ...pack, detectors, byId: new Map(detectors.map((detector) => [detector.id, detector])) };
}

type Tested = { readonly file: PackFile; readonly pack: CompiledPack };

function testRules({ file, pack }: Tested, test: PackFile["tests"][number], index: number): PackTestResult {
  const failures: { readonly path: YamlPath; readonly message: string }[] = [];
  const rules = new Set(pack.rules.map((rule) => rule.id));
  const ids = file.rules.map(({ id }) => id);
  const found = rulesFor(pack, segmentsOf(test));
  const expected = test.expect.filter((id) => rules.has(id));
  test.expect.forEach((id, position) => {
    const message = checkKnown(ids, id, "rule");
    if (message !== null) failures.push({ path: ["tests", index, "expect", position], message });
  });
  const missing = expected.filter((id) => !found.has(id)).join(", ");
  const surplus = [...found].filter((id) => !expected.includes(id)).join(", ");
  const path = ["tests", index];
  if (missing !== "") failures.push({ path, message: `test failed: ${missing} should hold and does not` });
  if (surplus !== "") failures.push({ path, message: `test failed: ${surplus} holds and should not` });
  return { name: `rules ${index + 1}`, failures };
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
  const isOfSender = pack.byId.get(id)?.method.kind === "sender";
  const [segment] = isOfSender ? senderSegments(headerOf(text)) : [bodyOf(text)];
  if (segment === undefined) return [];
  const narrowed: CompiledPack = { ...pack, detectors: pack.detectors.filter((detector) => detector.id === id) };
  return scanSegment(narrowed, { segment, index: 0 }, CONTEXT).filter((match) => match.confidence > 0);
}

function bodyOf(text: string): Segment {
  return { part: "1", kind: "body", message: 0, text: normaliseText(text) };
}

type TestedHeader = { readonly from?: string | undefined; readonly list_id?: string | undefined };

/** A test of a sender is a value of From, or `List-Id: ` and one of that. */
function headerOf(text: string): TestedHeader {
  const list = /^list-id:\s*(.*)$/is.exec(text)?.[1];
  return list === undefined ? { from: text } : { list_id: list };
}

function senderSegments({ from, list_id: list }: TestedHeader): readonly Segment[] {
  const values = new Map([
    ["from", from === undefined ? [] : [from]],
    ["list-id", list === undefined ? [] : [list]],
  ]);
  const sender = senderIn(values);
  return sender === null ? [] : [{ part: "header:sender", kind: "sender", message: 0, text: "", sender }];
}

function segmentsOf(
  test: TestedHeader & {
    readonly subject?: string | undefined;
    readonly text?: string | undefined;
  },
): readonly Segment[] {
  const subject =
    test.subject === undefined ? [] : [{ part: "header:subject", kind: "subject", text: test.subject } as const];
  const body = test.text === undefined ? [] : [{ part: "1", kind: "body", text: test.text } as const];
  const texts = [...subject, ...body].map((each) => ({ ...each, message: 0, text: normaliseText(each.text) }));
  return [...senderSegments(test), ...texts];
}

function rulesFor(pack: CompiledPack, segments: readonly Segment[]): ReadonlySet<string> {
  return new Set(matchPack(pack, segments, CONTEXT).satisfied.map((rule) => rule.id));
}
