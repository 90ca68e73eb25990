/** DICOM files for tests, byte by byte, in any transfer syntax (PS3.5 section 7). */
import { deflateRawSync } from "node:zlib";

export type SampleSyntax = "implicit" | "explicit" | "big" | "deflated";
/** Tag, representation, and the value; several data sets are the items of a sequence. */
export type SampleElement = readonly [
  tag: number,
  vr: string,
  value: string | Buffer | readonly (readonly SampleElement[])[],
];

const UIDS: Readonly<Record<SampleSyntax, string>> = {
  implicit: "1.2.840.10008.1.2",
  explicit: "1.2.840.10008.1.2.1",
  big: "1.2.840.10008.1.2.2",
  deflated: "1.2.840.10008.1.2.1.99",
};
const LONG = /^(?:O[BDFLVW]|SQ|UC|UN|UR|UT)$/;
const UNDEFINED_LENGTH = 0xffff_ffff;

export const PATIENT: readonly SampleElement[] = [
  [0x00080020, "DA", "20240105"],
  [0x00080050, "SH", "ACC4829130"],
  [0x00080080, "LO", "Lakeside Clinic"],
  [0x00081030, "LO", "MRI brain with contrast"],
  [0x00100010, "PN", "SAMPLE^ANNA^M"],
  [0x00100020, "LO", "00482913"],
  [0x00100030, "DA", "19610314"],
  [0x001021b0, "LT", "type 2 diabetes"],
];
export const PIXELS: SampleElement = [0x7fe00010, "OB", Buffer.alloc(64, 7)];

/** With preamble and file meta information. */
export function dicomOf(elements: readonly SampleElement[], syntax: SampleSyntax = "explicit"): Buffer {
  const meta = dataSetOf([[0x00020010, "UI", UIDS[syntax]]], "explicit");
  const dataSet = dataSetOf(elements, syntax);
  return Buffer.concat([
    Buffer.alloc(128),
    Buffer.from("DICM"),
    meta,
    syntax === "deflated" ? deflateRawSync(dataSet) : dataSet,
  ]);
}

export function dataSetOf(elements: readonly SampleElement[], syntax: SampleSyntax): Buffer {
  return Buffer.concat(elements.map((element) => elementOf(element, syntax)));
}

function elementOf([tag, vr, value]: SampleElement, syntax: SampleSyntax): Buffer {
  if (typeof value !== "string" && !Buffer.isBuffer(value)) return sequenceOf(tag, value, syntax);
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(value, "latin1");
  const even = bytes.length % 2 === 0 ? bytes : Buffer.concat([bytes, Buffer.from(vr === "UI" ? "\0" : " ")]);
  return Buffer.concat([headOf(tag, { vr, length: even.length }, syntax), even]);
}

/** Of undefined length, with a mark behind each item and behind the last one. */
function sequenceOf(tag: number, items: readonly (readonly SampleElement[])[], syntax: SampleSyntax): Buffer {
  const mark = (element: number, length: number): Buffer => headOf(0xfffe0000 + element, { vr: "", length }, syntax);
  const inner = items.flatMap((item) => [mark(0xe000, UNDEFINED_LENGTH), dataSetOf(item, syntax), mark(0xe00d, 0)]);
  return Buffer.concat([headOf(tag, { vr: "SQ", length: UNDEFINED_LENGTH }, syntax), ...inner, mark(0xe0dd, 0)]);
}

function headOf(
  tag: number,
  { vr, length }: { readonly vr: string; readonly length: number },
  syntax: SampleSyntax,
): Buffer {
  const isBig = syntax === "big";
  const short = (number: number): Buffer => bytesOf(number, { size: 2, isBig });
  const long = (number: number): Buffer => bytesOf(number, { size: 4, isBig });
  const start = Buffer.concat([short(tag >>> 16), short(tag & 0xffff)]);
  if (vr === "" || syntax === "implicit") return Buffer.concat([start, long(length)]);
  if (LONG.test(vr)) return Buffer.concat([start, Buffer.from(`${vr}\0\0`), long(length)]);
  return Buffer.concat([start, Buffer.from(vr), short(length)]);
}

function bytesOf(number: number, { size, isBig }: { readonly size: number; readonly isBig: boolean }): Buffer {
  const bytes = Buffer.alloc(size);
  if (isBig) bytes.writeUIntBE(number, 0, size);
  else bytes.writeUIntLE(number, 0, size);
  return bytes;
}
