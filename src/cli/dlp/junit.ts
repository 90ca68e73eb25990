/** Results of tests as JUnit XML, as build servers read it. Pure. */

export type TestRow = {
  readonly pack: string;
  readonly name: string;
  readonly failures: readonly { readonly place: string; readonly message: string }[];
};

export function junitOf(rows: readonly TestRow[]): string {
  const suites = Map.groupBy(rows, ({ pack }) => pack)
    .entries()
    .flatMap(([pack, tests]) => [
      `<testsuite name="${escaped(pack)}" tests="${tests.length}" failures="${failedOf(tests)}">`,
      ...tests.map(caseOf),
      "</testsuite>",
    ]);
  const head = `<testsuites tests="${rows.length}" failures="${failedOf(rows)}">`;
  return ['<?xml version="1.0" encoding="UTF-8"?>', head, ...suites, "</testsuites>"].join("\n");
}

function failedOf(rows: readonly TestRow[]): number {
  return rows.filter(({ failures }) => failures.length > 0).length;
}

function caseOf({ pack, name, failures }: TestRow): string {
  const open = `<testcase classname="${escaped(pack)}" name="${escaped(name)}"`;
  if (failures.length === 0) return `${open}/>`;
  const inner = failures.map(
    ({ place, message }) => `<failure message="${escaped(message)}">${escaped(place)}</failure>`,
  );
  return `${open}>${inner.join("")}</testcase>`;
}

function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd]/g, "?");
}
