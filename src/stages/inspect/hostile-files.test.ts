/** Files made so that a person sees what inspection might miss, or that reading them costs more than it may. */
import { afterAll, describe, expect, test } from "vitest";
import type { Findings } from "../../core/findings.ts";
import { Extraction } from "../../parts/extraction/extraction.ts";
import { zipOf } from "../../parts/extraction/zip.samples.ts";
import { base64, inspectMail, mixed } from "./inspect-mails.suite.ts";
import type { Setting } from "./inspect-mails.suite.ts";

const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const clock = { monotonic: () => performance.now() };
const extraction = new Extraction(
  { readersMax: 2, readerMemoryBytesMax: 384 * 1024 * 1024, pictures: null },
  { log: silent, clock },
);
afterAll(() => extraction.close());

const PHI = "MRN 00482913 has diabetes";

const inspect = (mail: readonly string[], options: Setting["options"] = {}): Promise<Findings> =>
  inspectMail(mail, { extract: (request) => extraction.extract(request), options });
const attachment = (bytes: Buffer, name = "paper"): readonly string[] => [
  `Content-Type: application/octet-stream; name="${name}"`,
  "Content-Transfer-Encoding: base64",
  "",
  base64(bytes),
];
const html = (body: string): readonly string[] => ["From: a@example.org", "Content-Type: text/html", "", body];
const unreadOf = ({ uninspectable }: Findings): readonly string[] =>
  uninspectable.map(({ part, reason }) => `${part}: ${reason}`);

describe("what reading costs is counted for the whole message", () => {
  const link = (zip: Buffer): string => `<a href="data:application/zip;base64,${base64(zip)}">x</a>`;

  test("archives in pages in archives, each within its own depth", async () => {
    let zip = zipOf([{ name: "a.txt", content: PHI }]);
    for (let depth = 0; depth < 8; depth += 1) zip = zipOf([{ name: "a.html", content: link(zip) }]);
    expect(unreadOf(await inspect(html(link(zip))))).toEqual(["1>1>1>1>1>1: over_budget"]);
  });

  test("mails in archives, whose attachments lie as deep as the archives around them", async () => {
    const inner = `Subject: x\r\nContent-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n`;
    const archive = (content: string): Buffer =>
      zipOf([{ name: "b.zip", content: zipOf([{ name: "a.eml", content }]) }]);
    const zip = archive(inner + base64(archive(inner + base64(archive(`Subject: y\r\n\r\n${PHI}`)))));
    expect(unreadOf(await inspect(mixed([attachment(zip)])))).toEqual(["1>1>1>1>1: over_budget"]);
  });

  test("files of several archives", async () => {
    const zip = zipOf(Array.from({ length: 30 }, (_, index) => ({ name: `${index}.txt`, content: "x" })));
    const mail = mixed([attachment(zip), attachment(zip), attachment(zip)]);
    expect(unreadOf(await inspect(mail, { archiveEntriesMax: 90 }))).toEqual([]);
    expect(unreadOf(await inspect(mail, { archiveEntriesMax: 80 }))).toEqual(["3: over_budget"]);
  });

  test("what several archives inflate to", async () => {
    const zip = zipOf([{ name: "a.txt", content: "word ".repeat(100_000) }]);
    const mail = mixed([attachment(zip), attachment(zip), attachment(zip)]);
    expect(unreadOf(await inspect(mail, { inflatedBytesMax: 1_500_000 }))).toEqual([]);
    expect(unreadOf(await inspect(mail, { inflatedBytesMax: 1_400_000 }))).toEqual(["3: over_budget"]);
  });
});

test("a picture within a page costs no more than its bytes, and hides nothing beside it", async () => {
  const picture = `<img src="data:image/png;base64,${"A".repeat(8_000_000)}">`;
  expect(await inspect(html(`${picture}<p>${PHI}</p>`))).toMatchObject({ verdict: "phi" });
});
