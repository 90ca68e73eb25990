/** What no test of the pack looks at, and classes nobody reads. Pure. */
import type { Doubt, LintSubject } from "./lint.ts";
import { countsOf } from "./pack-facts.ts";

/** Types whose values no list spells out: a mistake in them shows in a test only. */
const LISTED = new Set(["dictionary", "word_ending", "weighed"]);

export function lintTests(subject: LintSubject): readonly Doubt[] {
  return [...untestedDetectors(subject), ...untestedRules(subject), ...unreadClasses(subject)];
}

function untestedDetectors({ file }: LintSubject): readonly Doubt[] {
  return file.detectors.flatMap(({ type, tests }, index): readonly Doubt[] => {
    if (LISTED.has(type)) return [];
    const [match, noMatch] = [tests?.match.length ?? 0, tests?.no_match.length ?? 0];
    if (match > 0 && noMatch > 0) return [];
    const missing = match === 0 ? "match" : "no_match";
    const why = match === 0 ? "no test shows that it finds anything" : "no test shows what it must leave alone";
    const next = `Add tests: { ${missing}: ["…"] }.`;
    return [{ severity: "warning", check: "untested", path: ["detectors", index, "id"], why, next }];
  });
}

function untestedRules({ file }: LintSubject): readonly Doubt[] {
  const doubts = file.rules.flatMap(({ id, status }, index): readonly Doubt[] => {
    if (status === "off" || file.tests.some(({ expect }) => expect.includes(id))) return [];
    const why = "no test of the pack expects this rule to hold";
    const next = `Add to tests: - { text: "…", expect: [${id}] }.`;
    return [{ severity: "warning", check: "untested", path: ["rules", index, "id"], why, next }];
  });
  if (file.tests.some(({ expect }) => expect.length === 0)) return doubts;
  const why = "no test of the pack shows a mail that must stay clean";
  const next = 'Add to tests: - { text: "…", expect: [] }.';
  return [...doubts, { severity: "warning", check: "untested", path: ["pack"], why, next }];
}

function unreadClasses({ file }: LintSubject): readonly Doubt[] {
  const read = new Set(countsOf(file).map(({ entry }) => entry.class));
  return file.detectors.flatMap(({ classes }, index) =>
    classes.flatMap((name, position): readonly Doubt[] => {
      if (read.has(name)) return [];
      const path = ["detectors", index, "classes", position];
      return [
        { severity: "note", check: "unread-class", path, why: `no rule reads the class ${name}`, next: "Take it out." },
      ];
    }),
  );
}
