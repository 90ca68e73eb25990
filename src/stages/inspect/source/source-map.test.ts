import * as fc from "fast-check";
import iconv from "iconv-lite";
import { describe, expect, test } from "vitest";
import { decodeTransfer } from "../../../parts/mime/decode-body.ts";
import type { MimeStructure } from "../../../core/mime-structure.ts";
import { htmlToText } from "../html-text.ts";
import { createInspect } from "../inspect.ts";
import type { Seen } from "../inspect.ts";
import { base64, mixed, packOf, stillClock } from "../inspect-mails.suite.ts";
import { DEFAULT_INSPECT_OPTIONS } from "../inspect-options.ts";
import { normaliseText } from "../normalise.ts";
import { scanBytes } from "../scan.ts";
import { SourceMap } from "./source-map.ts";
import type { SourcePlace } from "./source-map.ts";

const pack = packOf(`version: 1
pack: p
detectors:
  - { id: t.mrn, type: regex, classes: [identifier], pattern: 'Q\\d{3} ?\\d{3}Z' }
  - { id: t.clinic, type: sender, classes: [identifier], words: [clinic] }
rules:
  - { id: t.phi, action: tag, when: { class: identifier } }
`);

type Found = { readonly value: string; readonly part: string; readonly source: SourcePlace };

async function foundIn(bytes: Buffer): Promise<readonly Found[]> {
  let seen: Seen | null = null;
  let mime: MimeStructure | null = null;
  const deps = { packs: [pack], hashKey: new Uint8Array(32), clock: stillClock };
  const inspect = createInspect(DEFAULT_INSPECT_OPTIONS, { ...deps, watch: (each) => void (seen = each) });
  await scanBytes(bytes, "a.eml", (input) => {
    mime = input.mime;
    return inspect(input);
  });
  const { segments, results } = seen as unknown as Seen;
  const map = new SourceMap({ bytes, mime: mime as unknown as MimeStructure, partBytesMax: 1_000_000 });
  return (results[0]?.matches ?? []).flatMap((match) => {
    const segment = segments[match.segment];
    if (segment === undefined) return [];
    const value = segment.text.slice(match.start, match.end);
    return { value, part: segment.part, source: map.placeOf(segment, match) };
  });
}

const soft = (text: string): string =>
  text
    .replace(/[^\n!-<>-~]/g, (one) => `=${one.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`)
    .replace(/(?:=[0-9A-F]{2}|[^=\n]){20}/g, "$&=\n");

const ENCODINGS = {
  "8bit": (bytes: Buffer): string => bytes.toString("latin1"),
  "quoted-printable": (bytes: Buffer): string => soft(bytes.toString("latin1")),
  base64: (bytes: Buffer): string => bytes.toString("base64").replace(/.{37}/g, "$&\n"),
} as const;
type Encoding = keyof typeof ENCODINGS;

/** The bytes of the content that stand in a piece of a stored body, whatever stands around it. */
function decodedPiece(
  message: Buffer,
  source: Pick<SourcePlace, "start" | "end">,
  { bodyStart, encoding }: { readonly bodyStart: number; readonly encoding: Encoding },
): Buffer {
  const body = message.subarray(bodyStart);
  const [start, end] = [source.start - bodyStart, source.end - bodyStart];
  if (encoding !== "base64") return Buffer.from(bytesOf(body.subarray(start, end), encoding));
  const digits = (to: number): number => body.toString("latin1", 0, to).replace(/\s/g, "").length;
  return bytesOf(body, encoding).subarray(Math.ceil((digits(start) * 6) / 8), Math.floor((digits(end) * 6) / 8));
}

function bytesOf(body: Buffer, encoding: Encoding): Buffer {
  const decoded = decodeTransfer(body, encoding);
  if (decoded.kind !== "bytes") throw new Error("the body is damaged");
  return decoded.bytes;
}

/** Characters that stay what they are, go, or become others when a text is read. */
const noise = fc.array(
  fc.constantFrom(
    "a",
    " ",
    "é",
    "Ж",
    "日本",
    "\n",
    "\u200b",
    "ﬁ",
    "e\u0301",
    "½",
    "\u00ad",
    "\u00a0",
    "=",
    "😀",
    "１",
    "\t",
    ">",
    "…",
  ),
  { maxLength: 12 },
);
/** A record number as people and programs write it. */
const written = fc
  .tuple(
    fc.nat(999),
    fc.nat(999),
    fc.array(fc.constantFrom("", "", "\u200b", "\u00ad", "\u2060"), { minLength: 8, maxLength: 8 }),
    fc.constantFrom("", " ", "\u00a0", "\r\n"),
  )
  .map(([one, two, between, gap]) => {
    const letters = Array.from(`Q${String(one).padStart(3, "0")}${String(two).padStart(3, "0")}Z`);
    return letters
      .map((letter, i) => `${letter}${i === 3 && gap !== "\r\n" ? gap : i < 7 ? (between[i] ?? "") : ""}`)
      .join("");
  });
const CHARSETS = ["utf-8", "iso-8859-1", "windows-1251", "utf-16le", "utf-16be", "shift_jis", "gbk", "koi8-r"] as const;

const fixed = { numRuns: 150 };

describe("the source of a finding, decoded, is the finding", () => {
  test.each(Object.keys(ENCODINGS) as readonly Encoding[])("in plain text sent as %s", async (encoding) => {
    const cases = fc.tuple(fc.constantFrom(...CHARSETS), noise, written, noise);
    await fc.assert(
      fc.asyncProperty(cases, async ([charset, before, value, after]) => {
        const text = `x${before.join("")} ${value} ${after.join("")}`;
        const content = iconv.encode(text, charset);
        fc.pre(iconv.decode(iconv.encode(value, charset), charset) === value);
        const head = `Subject: x\nContent-Type: text/plain; charset=${charset}\nContent-Transfer-Encoding: ${encoding}\n\n`;
        const message = Buffer.from(`${head}${ENCODINGS[encoding](content)}`, "latin1");
        const exact = (await foundIn(message)).filter(({ source }) => source.precision === "exact");
        // Much of UTF-16 without a mark is taken for binary, and read for its ASCII alone.
        expect(exact.length > 0 || charset.startsWith("utf-16")).toBe(true);
        for (const { value: found, source } of exact) {
          const piece = decodedPiece(message, source, { bodyStart: head.length, encoding });
          expect(normaliseText(iconv.decode(piece, charset, { stripBOM: false }))).toBe(found);
        }
      }),
      fixed,
    );
  });

  const entity = (one: string): fc.Arbitrary<string> =>
    fc.constantFrom(
      one,
      one,
      `&#${one.charCodeAt(0)};`,
      `&#x${one.charCodeAt(0).toString(16)};`,
      `<b>${one}</b>`,
      `${one}<!-- y -->`,
      `${one}&shy;`,
      `${one}<span>`,
    );
  const marked = written.chain((value) =>
    fc.tuple(...Array.from(value.replace(/[^Q\dZ]/g, ""), entity)).map((pieces) => pieces.join("")),
  );

  test.each(Object.keys(ENCODINGS) as readonly Encoding[])("in HTML sent as %s", async (encoding) => {
    const around = fc.constantFrom(
      "",
      "<p>é</p>",
      "a  b",
      "<td>",
      "&eacute;&amp;",
      "<style>p{}</style>",
      "<br>\n",
      "\u200b",
      "<",
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom("utf-8", "iso-8859-1"),
        around,
        marked,
        around,
        async (charset, before, value, after) => {
          const content = iconv.encode(`<p>${before} ${value} ${after}`, charset);
          const head = `Subject: x\nContent-Type: text/html; charset=${charset}\nContent-Transfer-Encoding: ${encoding}\n\n`;
          const message = Buffer.from(`${head}${ENCODINGS[encoding](content)}`, "latin1");
          const found = await foundIn(message);
          expect(found.length).toBeGreaterThan(0);
          for (const each of found) {
            expect(each.source.precision).toBe("exact");
            const piece = decodedPiece(message, each.source, { bodyStart: head.length, encoding });
            const [shown] = htmlToText(iconv.decode(piece, charset)).text.split("\n");
            expect(normaliseText(shown ?? "")).toBe(each.value);
          }
        },
      ),
      fixed,
    );
  });
});

const PLACE = { precision: "exact", line: 1, column: 1 } as const;
const HEAD = "Subject: x\r\nContent-Type: text/html\r\n\r\n";

test.each<[string, string | readonly string[], Partial<SourcePlace> & { readonly at?: string }]>([
  [
    "lines and characters of the decoded part",
    "Subject: x\r\n\r\na\r\n😀é Q111111Z",
    { ...PLACE, line: 2, column: 4, at: "Q111111Z" },
  ],
  [
    "a value over two lines",
    "Subject: x\r\n\r\na Q111=\r\n111Z",
    { precision: "exact", line: 1, column: 3, at: "Q111=\r\n111Z" },
  ],
  [
    "an attribute",
    `${HEAD}a<img alt="Q111111Z">`,
    { precision: "tag", line: 1, column: 2, at: '<img alt="Q111111Z">' },
  ],
  ["a comment", `${HEAD}a<!-- Q111111Z -->`, { precision: "part", line: null, at: "a<!-- Q111111Z -->" }],
  ["a subject", "Subject: Q111111Z\r\n\r\na", { precision: "header", line: null, at: "Subject: Q111111Z\r\n\r\n" }],
  ["a sender", "From: clinic@a.example\r\n\r\na", { precision: "header", at: "From: clinic@a.example\r\n\r\n" }],
  [
    "a message behind a byte order mark",
    "\xef\xbb\xbfSubject: x\r\n\r\na Q111111Z",
    { ...PLACE, column: 3, at: "Q111111Z" },
  ],
  ["a text set apart", "Subject: x\r\n\r\nQ 1 1 1 1 1 1 Z Q222222Z", { precision: "exact", at: "Q222222Z" }],
  [
    "a part of a multipart",
    mixed([
      ["", "hello"],
      ["Content-Type: text/plain", "Content-Transfer-Encoding: base64", "", base64("x\nQ111111Z")],
    ]),
    { precision: "exact", line: 2, column: 1, at: "pRMTExMTExWg" },
  ],
  [
    "a table",
    mixed([["Content-Type: text/csv", "", "a,b", "Q111111Z,2"]]),
    { precision: "part", at: "a,b\r\nQ111111Z,2" },
  ],
])("%s has a place", async (_, source, { at, ...expected }) => {
  const bytes = Buffer.from(
    typeof source === "string" ? source : source.join("\r\n"),
    source.includes("\xef\xbb\xbf") ? "latin1" : "utf8",
  );
  const qp = source.includes("=\r\n")
    ? Buffer.from(bytes.toString().replace("\r\n\r\n", "\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"))
    : bytes;
  const found = (await foundIn(qp)).find(({ source: place }) =>
    qp.toString("utf8", place.start, place.end).includes(at ?? ""),
  );
  expect(found?.source).toMatchObject(expected);
});
