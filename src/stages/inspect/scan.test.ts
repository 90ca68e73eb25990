import { describe, expect, test } from "vitest";
import { packOf, stillClock, TEST_PACK } from "./inspect-mails.suite.ts";
import { createInspect } from "./inspect.ts";
import { DEFAULT_INSPECT_OPTIONS } from "./inspect-options.ts";
import { scanBytes, toScanLine } from "./scan.ts";

const inspect = createInspect(DEFAULT_INSPECT_OPTIONS, {
  packs: [packOf(TEST_PACK)],
  hashKey: new Uint8Array(32),
  clock: stillClock,
});
const verdictOf = async (text: string, name: string | null): Promise<string> =>
  (await scanBytes(Buffer.from(text, "latin1"), name, inspect)).verdict;

describe("scanBytes", () => {
  test.each<[string, string, string | null, string]>([
    ["a message", "Subject: x\r\n\r\nMRN 00482913 diabetes", "a.eml", "phi"],
    ["a message with bare line feeds", "Subject: x\n\nMRN 00482913 diabetes", "a.eml", "phi"],
    ["a message out of a mailbox file", "From a@b Mon Jan 1 2024\nSubject: x\n\nMRN 00482913 diabetes", null, "phi"],
    ["a message behind a byte order mark", "\xef\xbb\xbfSubject: x\n\nMRN 00482913 diabetes", "a.eml", "phi"],
    ["a clean message", "Subject: x\n\nhello", null, "clean"],
    ["a text", "MRN 00482913 diabetes", "a.txt", "phi"],
    ["a text that begins like a header", "Note: MRN 00482913 diabetes", "a.txt", "phi"],
    ["a text from standard input", "MRN 00482913 diabetes", null, "phi"],
    ["a table", "Note,MRN\ndiabetes,00482913", "a.csv", "phi"],
    ["a page", "<p>MRN 00<b>48</b>2913 diabetes", "a.html", "phi"],
    ["an archive", "PK\x03\x04xxxxxxxx", "a.zip", "uninspectable"],
    ["an archive with a text's name", "PK\x03\x04xxxxxxxx", "a.txt", "uninspectable"],
    ["nothing", "", "a.eml", "clean"],
    ["a message that is no message", "MRN 00482913 diabetes", "a.eml", "phi"],
  ])("judges %s", async (_, text, name, verdict) => {
    expect(await verdictOf(text, name)).toBe(verdict);
  });
});

test("one line tells file, verdict, tier and rules", async () => {
  const findings = await scanBytes(Buffer.from("MRN 00482913 HIV"), null, inspect);
  expect(toScanLine("-", findings)).toEqual({
    file: "-",
    verdict: "phi",
    tier: "high",
    rules: ["t.phi", "t.sensitive"],
    unread: [],
  });
});

test("a store that cannot be read is not the message's fault", async () => {
  const mime = {
    root: {
      path: "1",
      headerStart: 0,
      bodyStart: 0,
      bodyEnd: 1,
      contentType: "text/plain",
      charset: null,
      encoding: "7bit",
      disposition: null,
      filename: null,
      parameters: {},
      children: [],
    },
    sizeBytes: 1,
    has8bitHeader: false,
    has8bitBody: false,
    longestLine: 1,
    defects: [],
  } as const;
  await expect(inspect({ mime, read: () => Promise.reject(new Error("disk")) })).rejects.toThrow("disk");
});
