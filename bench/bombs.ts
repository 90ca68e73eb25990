/**
 * Inspects files that are made to exhaust who reads them: `node bench/bombs.ts [--json]`. Tells of each the verdict, the time and
 * how much the memory of this process, which stands for the gateway, grew at most; fails where a file passes as clean or
 * the growth is above the limit. The files are made by another process, so that making them does not count.
 */
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { deflateSync, gzipSync, zstdCompressSync } from "node:zlib";
import { inspectWith, requirePacks } from "../src/cli/dlp/packs.ts";
import { compoundOf } from "../src/parts/extraction/compound.samples.ts";
import { atom, doc, long, record, sharedStrings, xls } from "../src/parts/extraction/office-97.samples.ts";
import { lzfuAround, lzfuBomb, msgOf, tnefOf } from "../src/parts/extraction/outlook.samples.ts";
import type { SampleMessage } from "../src/parts/extraction/outlook.samples.ts";
import { dicomOf } from "../src/parts/extraction/dicom.samples.ts";
import { docx, packageOf, paragraph, run, sheet, strings } from "../src/parts/extraction/package.samples.ts";
import { pdfOf, streamOf } from "../src/parts/extraction/pdf.samples.ts";
import { zipOf } from "../src/parts/extraction/zip.samples.ts";
import { scanBytes } from "../src/stages/inspect/scan.ts";

const MIB = 1024 * 1024;
const GROWTH_BYTES_MAX = 150 * MIB;
const SAMPLE_MS = 10;

const { values: args } = parseArgs({
  options: { build: { type: "string" }, json: { type: "boolean", default: false } },
});
if (args.build === undefined) process.exitCode = await measureAll();
else build(args.build);

function build(folder: string): void {
  const zeros = Buffer.alloc(300 * MIB);
  const write = (name: string, bytes: Buffer): void => writeFileSync(join(folder, name), bytes);
  write("zeros.zip", zipOf([{ name: "zeros.txt", content: zeros }]));
  write("small-lie.zip", zipOf([{ name: "zeros.txt", content: zeros, sizeBytes: 10 }]));
  write("nested.zip", nested());
  write("pages.zip", pages());
  const entries = Array.from({ length: 5_000 }, (_, n) => ({ name: `${n}.txt`, content: "x" }));
  write("entries.zip", zipOf(entries));
  const shared = { name: "a.txt", content: zeros.subarray(0, 20 * MIB) };
  write("overlap.zip", zipOf([shared, ...Array.from({ length: 99 }, () => ({ ...shared, content: "", localAt: 0 }))]));
  write("xml.docx", docx(paragraph(run("a")).repeat(4_000_000)));
  write("tags.docx", docx("<a>".repeat(20_000_000)));
  write("attribute.docx", docx(`<a b="${"x".repeat(200_000_000)}"/>`));
  const laughs = `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">${Array.from({ length: 30 }, (_, n) => `<!ENTITY a${n} "&a${n - 1};&a${n - 1};">`).join("")}]><a>&a29;</a>`;
  write("laughs.docx", docx("", { "odd.xml": laughs }));
  const cells = '<row><c t="s"><v>0</v></c></row>'.repeat(200_000);
  const repeated = {
    "xl/sharedStrings.xml": strings(`<t>${"word ".repeat(6_000)}</t>`),
    "xl/worksheets/sheet1.xml": sheet(cells),
  };
  write("repeated.xlsx", packageOf(repeated));
  const flate = deflateSync(zeros).toString("latin1");
  write(
    "flate.pdf",
    pdfOf({
      pages: [""],
      catalog: "/Names << /EmbeddedFiles << /Names [(a) 20 0 R] >> >>",
      objects: ["<< /Type /Filespec /F (a.txt) /EF << /F 21 0 R >> >>", streamOf("/Filter /FlateDecode", flate)],
    }),
  );
  buildCompound(write);
  for (const [name, bytes] of unpacked(zeros)) write(name, bytes);
  write("braces.rtf", Buffer.from(`{\\rtf1 ${"{".repeat(10_000_000)}`));
}

/** Compound files, messages of Outlook and TNEF. */
function buildCompound(write: (name: string, bytes: Buffer) => void): void {
  const rtf = [0x1009, lzfuAround(lzfuBomb(850_000), { rawBytes: 1 })] as const;
  write("inflates.msg", msgOf({ properties: [rtf] }));
  write("inflates.dat", tnefOf({ properties: [rtf] }));
  let message: SampleMessage = {};
  for (let depth = 0; depth < 40; depth += 1)
    message = { attachments: [{ message }, { message }].slice(0, depth < 12 ? 2 : 1) };
  write("nested.msg", msgOf(message));
  write("attachments.dat", tnefOf({ attachments: Array.from({ length: 100_000 }, () => ({ properties: [] })) }));
  const circle = compoundOf({ WordDocument: Buffer.alloc(8 * MIB, 1) });
  circle.writeUInt32LE(5, circle.length - 8 * 512);
  circle.fill(circle.subarray(circle.length - 8 * 512, circle.length - 8 * 512 + 4), circle.length - 130 * 512);
  write("circle.doc", circle);
  write(
    "entries.doc",
    compoundOf({ WordDocument: "x", ...Object.fromEntries(Array.from({ length: 51_000 }, (_, n) => [`${n}`, ""])) }),
  );
  const huge = compoundOf({ Workbook: Buffer.alloc(5_000) });
  huge.writeUInt32LE(0x7fff_ffff, huge.indexOf(Buffer.from("Workbook", "utf16le")) + 120);
  write("huge.xls", huge);
  const cells = Array.from({ length: 60_000 }, (_, row) => record(0xfd, row, 0, 0, long(0)));
  write("repeated.xls", xls([sharedStrings("word ".repeat(1_600))], cells));
  write("pieces.doc", doc(Array.from({ length: 9_000 }, () => ({ text: "word ".repeat(200) }))));
  const deflated = deflateSync(Buffer.alloc(300 * MIB));
  write(
    "deflated.ppt",
    compoundOf({ "PowerPoint Document": atom(0x1011, Buffer.concat([long(9), deflated]), { instance: 1 }) }),
  );
}

/** What is packed in other ways than ZIP, and trees without end. */
function unpacked(zeros: Buffer): readonly (readonly [string, Buffer])[] {
  const gzip = gzipSync(zeros, { level: 9 });
  const layers = Array.from({ length: 8 }).reduce<Buffer>((inner) => gzipSync(inner), gzip);
  const sequence = Buffer.from("08001111fffffffffeff00e0ffffffff", "hex");
  const first = Buffer.from("0800050000000000", "hex");
  const remark = Buffer.from("09000110080000006161616161616161", "hex");
  const signed = "308006092a864886f70d010702a08030800201013100308006092a864886f70d010701a080";
  return [
    ["zeros.gz", gzip],
    ["zeros.zst", zstdCompressSync(zeros)],
    ["layers.gz", layers],
    ["deflated.dcm", dicomOf([[0x00104000, "UT", zeros.subarray(0, 250 * MIB)]], "deflated")],
    ["sequences.dcm", Buffer.concat([first, ...Array.from({ length: 500_000 }, () => sequence)])],
    ["elements.dcm", Buffer.concat([first, first, ...Array.from({ length: 1_000_000 }, () => remark)])],
    ["nested.p7m", Buffer.from(signed + "2480".repeat(4_000_000), "hex")],
    ["pieces.p7m", Buffer.from(signed + "2480" + "040161".repeat(3_000_000), "hex")],
    ["names.tar", tarOfEmpty(20_000)],
    ["controls.bin", Buffer.from("2480".repeat(4_000_000), "hex")],
  ];
}

/** Headers of files without content. */
function tarOfEmpty(count: number): Buffer {
  const block = Buffer.alloc(512);
  block.write("a.txt");
  block.write("00000000000", 124);
  block.write("        0ustar\u000000", 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return Buffer.concat(Array.from({ length: count }, () => block));
}

/** Sixteen archives within each of sixteen, three layers deep, with sixteen files of zeros at the bottom. */
function nested(): Buffer {
  const times = (content: Buffer, name: string): Buffer =>
    zipOf(Array.from({ length: 16 }, (_, n) => ({ name: `${n}.${name}`, content })));
  let layer = times(Buffer.alloc(4 * MIB), "txt");
  for (let depth = 0; depth < 3; depth += 1) layer = times(layer, "zip");
  return layer;
}

/** Archives in pages in archives, each page large and none of it shown. */
function pages(): Buffer {
  let zip = zipOf([{ name: "a.txt", content: "x" }]);
  for (let depth = 0; depth < 20; depth += 1) {
    const blanks = Array.from({ length: 23_000 }, (_, n) => `${" ".repeat(298)}${(n * 7_919) % 97}`).join("");
    const link = `<a href="data:application/zip;base64,${zip.toString("base64")}">x</a>`;
    zip = zipOf([{ name: "a.html", content: `<p x="${blanks}">${link}` }]);
  }
  return zip;
}

async function measureAll(): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "postern-bombs-"));
  mkdirSync(folder, { recursive: true });
  try {
    const built = spawnSync(process.execPath, [import.meta.filename, "--build", folder], { stdio: "inherit" });
    if (built.status !== 0) throw new Error("the files could not be made");
    let isBad = false;
    const inspect = inspectWith(requirePacks(undefined));
    await scanBytes(zipOf([{ name: "a.txt", content: "x" }]), "a.zip", inspect);
    for (const name of readdirSync(folder).toSorted()) {
      const row = await measure(readFileSync(join(folder, name)), name, inspect);
      isBad ||= row.verdict === "clean" || row.grownBytes > GROWTH_BYTES_MAX;
      console.log(
        args.json
          ? JSON.stringify(row)
          : `${name}: ${row.verdict} (${row.unread.join(", ")}), ${row.ms} ms, memory +${Math.round(row.grownBytes / MIB)} MiB`,
      );
    }
    return isBad ? 1 : 0;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

type Row = {
  readonly file: string;
  readonly verdict: string;
  readonly unread: readonly string[];
  readonly ms: number;
  readonly grownBytes: number;
};

async function measure(bytes: Buffer, file: string, inspect: ReturnType<typeof inspectWith>): Promise<Row> {
  const before = process.memoryUsage.rss();
  let most = before;
  const look = (): void => void (most = Math.max(most, process.memoryUsage.rss()));
  const timer = setInterval(look, SAMPLE_MS);
  const started = performance.now();
  const { verdict, uninspectable } = await scanBytes(bytes, file, inspect);
  const ms = Math.round(performance.now() - started);
  look();
  clearInterval(timer);
  const unread = uninspectable.slice(0, 3).map(({ part, reason }) => `${part}: ${reason}`);
  return { file, verdict, unread, ms, grownBytes: most - before };
}
