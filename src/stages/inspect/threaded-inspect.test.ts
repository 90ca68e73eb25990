import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { Extraction } from "../../parts/extraction/extraction.ts";
import type { ExtractContent } from "../../parts/extraction/extraction-types.ts";
import { zipOf } from "../../parts/extraction/zip.samples.ts";
import { MimeScanner } from "../../parts/mime/mime-scanner.ts";
import { DEFAULT_INSPECT_OPTIONS } from "./inspect-options.ts";
import { createInspect } from "./inspect.ts";
import { loadPackFile } from "./pack-file.ts";
import { openInspection } from "./threaded-inspect.ts";
import type { Inspection } from "./threaded-inspect.ts";

const PACK = new URL("../../../config/dlp/us-hipaa.yaml", import.meta.url).pathname;
const SMALL_PACK = `version: 1
pack: small
detectors: [{ id: word, type: dictionary, classes: [health], terms: [gout] }]
rules: [{ id: gout, action: protect, when: { class: health } }]
`;
const hashKey = Buffer.alloc(32, 7);
const options = { ...DEFAULT_INSPECT_OPTIONS, timeMsMax: 60_000 };
const loading = loadPackFile(PACK);
if (!loading.ok) throw new Error("the shipped pack does not load");
const clock = { now: () => 0, monotonic: () => 0 };
const silent = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const extraction = new Extraction(
  { readersMax: 1, readerMemoryBytesMax: 402_653_184, pictures: null },
  { log: silent, clock },
);
const extract: ExtractContent = (request) => extraction.extract(request);
const unthreaded = createInspect(options, { packs: [loading.pack], hashKey, clock, extract });

async function opened(paths: readonly string[] = [PACK]): Promise<Inspection> {
  const opening = await openInspection(paths, { options, hashKey }, extract);
  if (!opening.ok) throw new Error(opening.errors.join("\n"));
  return opening.inspection;
}

/** A mail with PHI; of more lines it is too large to be handed over whole. */
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
  beforeAll(async () => void (inspection = await opened()));
  afterAll(() => inspection.close().then(() => extraction.close()));

  test.each([1, 1_500, 20_000])("finds in a mail of %i lines what it finds without a thread", async (lines) => {
    const findings = await inspection.inspect(largeMail(lines));
    expect(findings.verdict).toBe("phi");
    expect(findings).toEqual(await unthreaded(largeMail(lines)));
  });

  test("an archive is read by the service's readers, with the thread between", async () => {
    const zip = zipOf([{ name: "note.txt", content: "Patient John Smith, MRN: 48210377, has type 2 diabetes." }]);
    const attached = `Content-Type: application/zip\r\nContent-Transfer-Encoding: base64\r\n\r\n${zip.toString("base64")}\r\n`;
    const mail = largeMail(1_500, attached);
    const findings = await inspection.inspect(mail);
    expect(findings.findings.some(({ part }) => part === "2>1")).toBe(true);
    expect(findings).toEqual(await unthreaded(mail));
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

  test("tells what the service needs to know of a pack", () => {
    const [pack] = inspection.packs;
    expect(pack).toMatchObject({ id: "us-hipaa", source: { fileName: PACK }, bases: [] });
    expect(pack?.rules).toContainEqual({ id: "phi.weighed", status: "active", also: [] });
  });

  test("a pack that does not load is refused with its places, and nothing is left running", async () => {
    const missing = `${PACK}.missing`;
    const opening = await openInspection([PACK, missing], { options, hashKey }, extract);
    expect(opening).toEqual({ ok: false, errors: [expect.stringContaining(`${missing}:1:1`)] });
  });

  test("where the thread ends the mails in it reject, and the next one is inspected by the same pack", async () => {
    const folder = mkdtempSync(join(tmpdir(), "postern-thread-"));
    const path = join(folder, "pack.yaml");
    writeFileSync(path, SMALL_PACK);
    const workers: Worker[] = [];
    const onWorker = (worker: Worker): void => void workers.push(worker);
    process.on("worker", onWorker);
    const own = await opened([path]);
    writeFileSync(path, "no pack");
    const lost = own.inspect(largeMail()).catch((error: unknown) => error);
    await setImmediate();
    await workers[0]?.terminate();
    expect(await lost).toEqual(new Error("the inspection thread ended"));
    const mail = mailOf(Buffer.from("Subject: x\r\n\r\nhe has gout\r\n"));
    expect((await own.inspect(mail)).hits).toMatchObject([{ pack: "small", rule: "gout" }]);
    expect(workers).toHaveLength(2);
    process.off("worker", onWorker);
    await own.close();
    rmSync(folder, { recursive: true });
  });

  test("a thread whose event loop stands still is ended, one that answers is not", async () => {
    vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
    const own = await opened();
    const slow = own.inspect(largeMail(20_000));
    vi.advanceTimersByTime(30_000);
    await vi.waitFor(() => expect(vi.getTimerCount()).toBe(1));
    const before = own.inspect(largeMail());
    await expect(before).resolves.toMatchObject({ verdict: "phi" });
    vi.advanceTimersByTime(30_000);
    await expect(slow).resolves.toMatchObject({ verdict: "phi" });
    expect(vi.getTimerCount()).toBe(0);
    const stuck = own.inspect(largeMail()).catch((error: unknown) => error);
    await setImmediate();
    vi.advanceTimersByTime(60_000);
    expect(await stuck).toEqual(new Error("the inspection thread ended"));
    vi.useRealTimers();
    await own.close();
  });

  test("more small mails than the thread is given at once are all inspected", async () => {
    const small = Array.from({ length: 200 }, () => inspection.inspect(largeMail(1)));
    const verdicts = new Set((await Promise.all(small)).map(({ verdict }) => verdict));
    expect(verdicts).toEqual(new Set(["phi"]));
  });

  test("close waits for what is under way", async () => {
    const closing = await opened();
    const large = closing.inspect(largeMail());
    const small = Array.from({ length: 100 }, () => closing.inspect(largeMail(1)));
    await closing.close();
    for (const { verdict } of await Promise.all([large, ...small])) expect(verdict).toBe("phi");
  });
});
