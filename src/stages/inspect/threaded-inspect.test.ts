import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Extraction } from "../../parts/extraction/extraction.ts";
import type { ExtractContent } from "../../parts/extraction/extraction-types.ts";
import { zipOf } from "../../parts/extraction/zip.samples.ts";
import { MimeScanner } from "../../parts/mime/mime-scanner.ts";
import { DEFAULT_INSPECT_OPTIONS } from "./inspect-options.ts";
import { createInspect } from "./inspect.ts";
import { loadPackFile } from "./pack-file.ts";
import { threadedInspect } from "./threaded-inspect.ts";
import type { Inspection } from "./threaded-inspect.ts";

const PACK = new URL("../../../config/dlp/us-hipaa.yaml", import.meta.url).pathname;
const hashKey = Buffer.alloc(32, 7);
const options = { ...DEFAULT_INSPECT_OPTIONS, timeMsMax: 60_000 };
const loading = loadPackFile(PACK);
if (!loading.ok) throw new Error("the shipped pack does not load");
const { source } = loading;
const clock = { now: () => 0, monotonic: () => 0 };
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const extraction = new Extraction(
  { readersMax: 1, readerMemoryBytesMax: 402_653_184, pictures: null },
  { log: silent, clock },
);
const extract: ExtractContent = (request) => extraction.extract(request);
const inline = createInspect(options, { packs: [loading.pack], hashKey, clock, extract });

/** A mail with PHI that is too large to be inspected at once; of more lines, also to be handed over whole. */
function largeMail(lines = 1_500, attached: string | null = null) {
  const filler = "We met on the terrace and spoke about the budget of the garden.\r\n".repeat(lines);
  const phi = "Patient John Smith, MRN: 48210377, was diagnosed with type 2 diabetes.\r\n";
  const header = "From: a@clinic.test\r\nSubject: Visit\r\n";
  const parts = `Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n${filler}\r\n--b\r\n${attached}--b--\r\n`;
  const bytes = Buffer.from(`${header}${attached === null ? `\r\n${filler}${phi}` : parts}`);
  return mailOf(bytes);
}

function mailOf(bytes: Buffer) {
  const scanner = new MimeScanner({ partsMax: 100, depthMax: 5, headerBytesMax: 100_000 });
  scanner.push(bytes);
  return { mime: scanner.end(), read: async (start: number, end: number) => bytes.subarray(start, end) };
}

describe("inspection in a thread", () => {
  let inspection: Inspection;
  beforeAll(() => void (inspection = threadedInspect(inline, { packs: [source], options, hashKey }, extract)));
  afterAll(() => inspection.close().then(() => extraction.close()));

  test.each([1_500, 20_000])("finds in a mail of %i lines what it finds without a thread", async (lines) => {
    const findings = await inspection.inspect(largeMail(lines));
    expect(findings.verdict).toBe("phi");
    expect(findings).toEqual(await inline(largeMail(lines)));
  });

  test("an archive is read by the service's readers, with the thread between", async () => {
    const zip = zipOf([{ name: "note.txt", content: "Patient John Smith, MRN: 48210377, has type 2 diabetes." }]);
    const attached = `Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n${zip.toString("base64")}\r\n`;
    const mail = largeMail(1_500, attached);
    const findings = await inspection.inspect(mail);
    expect(findings.findings.some(({ part }) => part === "2>1")).toBe(true);
    expect(findings).toEqual(await inline(mail));
  });

  test("a small mail with an archive goes to the thread, since it may unfold into a large one", async () => {
    const refusing = () => Promise.reject(new Error("inspected where sessions are answered"));
    const other = threadedInspect(refusing, { packs: [source], options, hashKey }, extract);
    const zip = zipOf([{ name: "note.txt", content: "Patient John Smith, MRN: 48210377, has type 2 diabetes." }]);
    const header = "Subject: x\r\nContent-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    const findings = await other.inspect(mailOf(Buffer.from(`${header}${zip.toString("base64")}\r\n`)));
    expect(findings.verdict).toBe("phi");
    await expect(other.inspect(mailOf(Buffer.from("Subject: x\r\n\r\nhello\r\n")))).rejects.toThrow("sessions");
    await other.close();
  });

  test("what the store gave stays as it is", async () => {
    const mail = largeMail();
    await inspection.inspect(mail);
    expect((await mail.read(0, 20)).toString()).toBe("From: a@clinic.test\r");
  });

  test("several mails at once keep their own findings", async () => {
    const verdicts = await Promise.all(Array.from({ length: 5 }, () => inspection.inspect(largeMail())));
    expect(verdicts.map(({ verdict }) => verdict)).toEqual(["phi", "phi", "phi", "phi", "phi"]);
  });

  test.each([1_500, 20_000])(
    "a body of %i lines that cannot be read rejects with the store's own error",
    async (lines) => {
      const error = new Error("damaged");
      const read = (): Promise<never> => Promise.reject(error);
      await expect(inspection.inspect({ ...largeMail(lines), read })).rejects.toBe(error);
    },
  );

  test("a thread that cannot start rejects the mail, and closing ends at once", async () => {
    const broken = threadedInspect(inline, { packs: [{ text: "no pack", fileName: "x" }], options, hashKey }, extract);
    await expect(broken.inspect(largeMail())).rejects.toThrow("loads in the service and not in its thread");
    await broken.close();
  });

  test("close waits for what is under way", async () => {
    const closing = threadedInspect(inline, { packs: [source], options, hashKey }, extract);
    const findings = closing.inspect(largeMail());
    await closing.close();
    await expect(findings).resolves.toMatchObject({ verdict: "phi" });
  });
});
