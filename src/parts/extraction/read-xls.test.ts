/** Workbooks of Excel before 2007. */
import { describe, expect, test } from "vitest";
import { compoundOf } from "./compound.samples.ts";
import { readText as read } from "./extraction.samples.ts";
import {
  BEGIN_BOOK,
  bytesOf,
  double,
  END,
  long,
  madeFile,
  narrow,
  picture,
  record,
  sharedStrings,
  wide,
  xls,
} from "./office-97.samples.ts";

describe("a workbook of Excel", () => {
  test("that LibreOffice made gives its cells, remarks, hidden sheets and names", async () => {
    const { text, unread } = await read(madeFile("visits.xls"));
    expect(unread).toEqual([]);
    for (const part of [
      "[sheet1]\nName\tMRN\tDOB\tSSN\tWeight\n",
      "Name: Anna Мир\tMRN: 480032\tDOB: 02/03/1950\tSSN: 219099999\tWeight: 71.25\n",
      "Remark 00480031",
      "00480033",
      "[sheet2]\nMRN 00480034 has diabetes\n",
      "Visible\nHidden\n",
    ])
      expect(text).toContain(part);
  });

  const XF = (format: number): Buffer => record(0xe0, 0, format, Buffer.alloc(16));
  test.each<[string, Buffer, string]>([
    [
      "shares strings",
      xls([sharedStrings("MRN", "482")], [record(0xfd, 0, 0, 0, long(0)), record(0xfd, 0, 1, 0, long(1))]),
      "MRN\t482\n",
    ],
    [
      "shares strings that go on in another record, in another width",
      xls(
        [
          record(0xfc, long(2), long(2), bytesOf(7, "\0", "MRN ")),
          record(0x3c, "\x01", wide("482")),
          record(0x3c, narrow("next")),
        ],
        [record(0xfd, 0, 0, 0, long(0)), record(0xfd, 0, 1, 0, long(1))],
      ),
      "MRN 482\tnext\n",
    ],
    [
      "shares strings with formats and hints",
      xls(
        [record(0xfc, long(2), long(2), bytesOf(3, "\x0c", 1), long(4), "MRN", "1234", "abcd", narrow("482"))],
        [record(0xfd, 0, 0, 0, long(0)), record(0xfd, 0, 1, 0, long(1))],
      ),
      "MRN\t482\n",
    ],
    ["tells strings no cell shows", xls([sharedStrings("MRN 482")], []), "MRN 482\n"],
    [
      "reads labels",
      xls([], [record(0x204, 0, 0, 0, narrow("MRN")), record(0xd6, 0, 1, 0, narrow("482"), 0)]),
      "MRN\t482\n",
    ],
    [
      "reads numbers of every kind",
      xls(
        [],
        [
          record(0x203, 0, 0, 0, double(71.25)),
          record(0x27e, 0, 1, 0, long((482_913 << 2) | 2)),
          record(0x27e, 0, 2, 0, long((1_250 << 2) | 3)),
          record(0xbd, 0, 3, 0, long((-5 << 2) | 2), 0, long(0x4059_0000), 4),
        ],
      ),
      "71.25\t482913\t12.5\t-5\t100\n",
    ],
    ["shows dates", xls([XF(14)], [record(0x203, 0, 0, 0, double(18_297))]), "02/03/1950\n"],
    [
      "shows digits in their pattern",
      xls([record(0x41e, 170, narrow("000\\-00\\-0000")), XF(170)], [record(0x203, 0, 0, 0, double(78_051_120))]),
      "078-05-1120\n",
    ],
    [
      "reads the text a formula gave",
      xls(
        [],
        [
          record(0x204, 0, 0, 0, narrow("MRN")),
          record(0x06, 0, 1, 0, "\0\0\0\0\0\0\xff\xff", 0),
          record(0x207, narrow("482")),
        ],
      ),
      "MRN\t482\n",
    ],
    ["reads the number a formula gave", xls([], [record(0x06, 0, 1, 0, double(482_913), 0)]), "482913\n"],
    [
      "reads remarks and text boxes",
      xls(
        [],
        [
          record(0x1b6, 0, 0, Buffer.alloc(6), 7, 16, long(0)),
          record(0x3c, "\0MRN 482"),
          record(0x3c, Buffer.alloc(16)),
          record(0x1c, 0, 0, 0, 1, narrow("Anna")),
        ],
      ),
      "MRN 482\nAnna\n",
    ],
    ["reads headers", xls([], [record(0x14, narrow("&CMRN 482"))]), "&CMRN 482\n"],
    ["reads characters of records nobody knows", xls([], [record(0x7777, "\x01MRN 482\x02")]), "MRN 482"],
    ["names its sheets", xls([record(0x85, long(0), 0, "\x08\0MRN 4829")], []), "MRN 4829\n"],
    [
      "lays cells below their headings",
      xls(
        [],
        [
          record(0x204, 0, 0, 0, narrow("Name")),
          record(0x204, 0, 1, 0, narrow("MRN")),
          record(0x204, 1, 0, 0, narrow("Anna")),
          record(0x27e, 1, 1, 0, long((482_913 << 2) | 2)),
        ],
      ),
      "Name: Anna\tMRN: 482913\n",
    ],
    [
      "of Excel 5 reads strings of its code page",
      compoundOf({
        Book: Buffer.concat([
          record(0x809, 0x500, 5),
          record(0x42, 1251),
          END,
          record(0x809, 0x500, 0x10),
          record(0x204, 0, 0, 0, 7, "MRN \xcc\xe8\xf0"),
          END,
        ]),
      }),
      "MRN Мир\n",
    ],
  ])("%s", async (_, bytes, wanted) => {
    const said = await read(bytes);
    expect(said.text).toContain(wanted);
    expect(said.unread).toEqual([]);
  });

  test.each<[string, Buffer, readonly string[]]>([
    ["a password", xls([record(0x2f, 1)], []), [":encrypted"]],
    ["a version before", compoundOf({ Book: record(0x809, 0x400, 0x10) }), [":unsupported_type"]],
    [
      "a cut record",
      compoundOf({ Workbook: Buffer.concat([BEGIN_BOOK, Buffer.from([4, 2, 99, 0, 1])]) }),
      [":damaged"],
    ],
    ["a cut string", xls([], [record(0x204, 0, 0, 0, 900, "\0MRN")]), [":damaged"]],
    [
      "macros",
      compoundOf({ Workbook: Buffer.concat([BEGIN_BOOK, END]), _VBA_PROJECT_CUR: { VBA: { dir: "" } } }),
      [":unsupported_type"],
    ],
    [
      "a large picture",
      xls(
        [
          record(0xeb, picture(40_000).subarray(0, 8_000)),
          ...Array.from({ length: 5 }, (_, n) =>
            record(0x3c, picture(40_000).subarray((n + 1) * 8_000, (n + 2) * 8_000)),
          ),
        ],
        [],
      ),
      [":unsupported_type"],
    ],
  ])("with %s is told", async (_, bytes, unread) => {
    expect((await read(bytes)).unread).toEqual(unread);
  });

  test("whose cells repeat one string ends at the budget", async () => {
    const cells = Array.from({ length: 5_000 }, (_, row) => record(0xfd, row, 0, 0, long(0)));
    const { unread } = await read(xls([sharedStrings("x".repeat(5_000))], cells), { textCharsMax: 1_000_000 });
    expect(unread).toEqual([":over_budget"]);
  });
});
