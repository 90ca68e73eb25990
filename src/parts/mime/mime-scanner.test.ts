import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MimePart, MimeStructure } from "../../core/mime-structure.ts";
import { MimeScanner } from "./mime-scanner.ts";
import type { MimeLimits } from "./mime-scanner.ts";

const LIMITS: MimeLimits = { depthMax: 20, partsMax: 100, headerBytesMax: 16_384 };

function scan(text: string | Buffer, limits: MimeLimits = LIMITS): MimeStructure {
  const scanner = new MimeScanner(limits);
  scanner.push(typeof text === "string" ? Buffer.from(text, "latin1") : text);
  return scanner.end();
}

const crlf = (...lines: readonly string[]): string => lines.join("\r\n");

function outline(part: MimePart): string {
  const own = `${part.path}:${part.contentType}`;
  return part.children.length === 0 ? own : `${own}[${part.children.map(outline).join(" ")}]`;
}

function bodies(text: string, part: MimePart): readonly string[] {
  if (part.children.length > 0) return part.children.flatMap((child) => bodies(text, child));
  return [text.slice(part.bodyStart, part.bodyEnd)];
}

const NESTED = crlf(
  "From: a@example.org",
  'Content-Type: multipart/mixed; boundary="outer"',
  "",
  "preamble",
  "--outer",
  "Content-Type: multipart/alternative; boundary=inner",
  "",
  "--inner",
  "",
  "plain text",
  "--inner",
  "Content-Type: TEXT/HTML; charset=UTF-8",
  "",
  "<p>html</p>",
  "",
  "--inner--",
  "epilogue of inner",
  "--outer",
  "Content-Type: message/rfc822",
  "",
  "Subject: embedded",
  "Content-Type: multipart/mixed; boundary=deep",
  "",
  "--deep",
  "",
  "one",
  "--deep",
  "Content-Type: application/pdf; name=a.pdf",
  "Content-Transfer-Encoding: BASE64",
  "Content-Disposition: attachment; filename*=utf-8''%C3%A4.pdf",
  "",
  "AAAA",
  "--deep--",
  "--outer--",
  "epilogue",
  "",
);

describe("structure", () => {
  test("nested multiparts and embedded messages get IMAP paths", () => {
    expect(outline(scan(NESTED).root)).toBe(
      ":multipart/mixed[1:multipart/alternative[1.1:text/plain 1.2:text/html] " +
        "2:message/rfc822[2.TEXT:multipart/mixed[2.1:text/plain 2.2:application/pdf]]]",
    );
  });

  test("the line break before a boundary belongs to the boundary", () => {
    expect(bodies(NESTED, scan(NESTED).root)).toEqual(["plain text", "<p>html</p>\r\n", "one", "AAAA"]);
  });

  test("a part knows its charset, encoding, disposition and decoded file name", () => {
    const pdf = scan(NESTED).root.children[1]?.children[0]?.children[1];
    expect(pdf).toMatchObject({
      encoding: "base64",
      disposition: "attachment",
      filename: "ä.pdf",
      parameters: { name: "a.pdf" },
    });
    expect(scan(NESTED).root.children[0]?.children[1]?.charset).toBe("utf-8");
  });

  test("a lone body is part 1 and ends with the message", () => {
    const text = "Subject: x\r\n\r\nhello\r\n";
    const { root, defects } = scan(text);
    expect(outline(root)).toBe("1:text/plain");
    expect(text.slice(root.bodyStart, root.bodyEnd)).toBe("hello\r\n");
    expect(defects).toEqual([]);
  });

  test("an embedded message with a lone body has it below the message's number", () => {
    const text = "Content-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\nhi";
    expect(outline(scan(text).root)).toBe("1:message/rfc822[1.1:text/plain]");
  });

  test("LF line ends give the same structure", () => {
    const text = NESTED.replaceAll("\r\n", "\n");
    expect(outline(scan(text).root)).toBe(outline(scan(NESTED).root));
    expect(bodies(text, scan(text).root)).toEqual(["plain text", "<p>html</p>\n", "one", "AAAA"]);
  });

  test("a multipart/digest holds messages by default", () => {
    const text = crlf(
      "Content-Type: multipart/digest; boundary=d",
      "",
      "--d",
      "",
      "Subject: z",
      "",
      "body",
      "--d--",
      "",
    );
    expect(outline(scan(text).root)).toBe(":multipart/digest[1:message/rfc822[1.1:text/plain]]");
  });
});

const multipart = (parameters: string, ...lines: readonly string[]): string =>
  crlf(`Content-Type: multipart/mixed; ${parameters}`, "", ...lines);

describe("boundaries", () => {
  test.each([
    ["white space after a delimiter", "boundary=x", ["--x \t", "", "t", "--x-- "], ["t"]],
    ["an empty body", "boundary=x", ["--x", "", "--x--"], [""]],
    ["a header section cut by the next delimiter", "boundary=x", ["--x", "Content-Type: text/html", "--x--"], [""]],
    ["no line break after the last delimiter", "boundary=x", ["--x", "", "t", "--x--"], ["t"]],
    [
      "dashes that are text",
      "boundary=x",
      ["--x", "", "--", "-- ", "---", "--y", "--x--"],
      ["--\r\n-- \r\n---\r\n--y"],
    ],
    [
      "a part after the closing delimiter",
      "boundary=x",
      ["--x", "", "a", "--x--", "--x", "", "b", "--x--"],
      ["a", "b"],
    ],
    ["a boundary in RFC 2231 pieces", "boundary*0=ab; boundary*1=cd", ["--abcd", "", "t", "--abcd--"], ["t"]],
    ["comments", '(c) boundary="a b" (d)', ["--a b", "", "t", "--a b--"], ["t"]],
  ])("%s", (_, parameters, lines, expected) => {
    const text = multipart(parameters, ...lines);
    expect(bodies(text, scan(text).root)).toEqual(expected);
    expect(scan(text).defects).toEqual([]);
  });

  test("an outer delimiter ends inner multiparts", () => {
    const text = multipart(
      "boundary=o",
      "--o",
      "Content-Type: multipart/mixed; boundary=i",
      "",
      "--i",
      "",
      "one",
      "--o",
      "",
      "two",
      "--o--",
    );
    expect(bodies(text, scan(text).root)).toEqual(["one", "two"]);
    expect(scan(text).defects).toEqual(["unclosed_multipart"]);
  });
});

describe("defects", () => {
  test.each([
    ["missing_boundary", "Content-Type: multipart/mixed\r\n\r\nx"],
    ["unclosed_multipart", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nt"],
    ["unreadable_content_type", "Content-Type: text\r\n\r\nx"],
    ["unknown_encoding", "Content-Transfer-Encoding: x-uuencode\r\n\r\nx"],
    ["unknown_encoding", multipart("boundary=x\r\nContent-Transfer-Encoding: base64", "--x--")],
    ["duplicate_content_header", "Content-Type: text/plain\r\nContent-Type: text/html\r\n\r\nx"],
    ["duplicate_content_header", multipart("boundary=x; boundary=y", "--x", "", "t", "--x--")],
    ["duplicate_content_header", multipart("boundary=x; boundary*=us-ascii''y", "--y", "", "t", "--y--")],
    ["unreadable_content_type", multipart('boundary="a\\bc"', "--abc", "", "t", "--abc--")],
    ["unreadable_content_type", multipart("boundary=x(y)", "--x(y)", "", "t", "--x(y)--")],
    ["unreadable_content_type", multipart("boundary='x'", "--'x'", "", "t", "--'x'--")],
    ["unreadable_content_type", multipart("boundary=x,y", "--x,y", "", "t", "--x,y--")],
    ["unreadable_content_type", multipart('boundary="=?us-ascii?q?x?="', "--=?us-ascii?q?x?=--")],
    ["unreadable_content_type", 'Content-Type: text/plain; name="a; charset=utf-7\r\n\r\nx'],
    ["unreadable_content_type", `Content-Type: text/plain; ${"a=b; ".repeat(100)}charset=utf-7\r\n\r\nx`],
    ["ambiguous_boundary", multipart("boundary=ab", "--ab", "", "--abc", "--ab--")],
    ["ambiguous_boundary", multipart("boundary=ab", "--ab", "", `--ab${" ".repeat(400)}`, "--ab--")],
    ["malformed_header", "Subject: a\r\nno colon here\r\n\r\nx"],
    ["malformed_header", "Subject: a\r\n \t\r\nTo: b\r\n\r\nx"],
    ["malformed_header", "Content-Transfer-Encoding : base64\r\n\r\nx"],
  ])("%s", (defect, text) => {
    expect(scan(text).defects).toEqual([defect]);
  });

  test("limits stop the walk and are told", () => {
    const many = multipart("boundary=x", ...Array.from({ length: 5 }, (_, n) => `--x\r\n\r\n${n}`), "--x--");
    expect(scan(many, { ...LIMITS, partsMax: 3 }).defects).toEqual(["part_limit"]);
    expect(scan(many, { ...LIMITS, partsMax: 3 }).root.children).toHaveLength(2);
    expect(scan(NESTED, { ...LIMITS, depthMax: 1 }).defects).toContain("depth_limit");
    expect(scan(`X: ${"y".repeat(99)}\r\n\r\nz`, { ...LIMITS, headerBytesMax: 50 }).defects).toEqual(["header_limit"]);
  });

  test("an encoded message/rfc822 is left to whoever decodes it", () => {
    const text = "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\nU3ViamVjdDogeA0KDQo=";
    expect(outline(scan(text).root)).toBe("1:message/rfc822");
  });
});

describe("bytes", () => {
  test("8-bit bytes are told apart by where they stand", () => {
    expect(scan("Subject: \xe9\r\n\r\nx")).toMatchObject({ has8bitHeader: true, has8bitBody: false });
    expect(scan("Subject: e\r\n\r\n\xe9")).toMatchObject({ has8bitHeader: false, has8bitBody: true });
    expect(scan(multipart("boundary=x", "--x", "X: \xe9", "", "t", "--x--"))).toMatchObject({
      has8bitHeader: true,
      has8bitBody: false,
    });
  });

  test("the longest line is counted without its line break", () => {
    expect(scan(`A: b\r\n\r\n${"x".repeat(998)}\r\n`).longestLine).toBe(998);
    expect(scan(`A: b\r\n\r\nx\r\n${"x".repeat(1234)}`).longestLine).toBe(1234);
  });

  const fragment = fc.constantFrom(
    "--a",
    "--b",
    "--a--",
    "--b--",
    "\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    "x",
    " ",
    "\t",
    "--",
    "\xff",
    "=?",
    ":",
    "Content-Type: multipart/mixed; boundary=a",
    "Content-Type: multipart/mixed; boundary=b\r\n",
    "Content-Type: message/rfc822\r\n\r\n",
    'Content-Disposition: attachment; filename="=?utf-8?q?=C3?="',
    "y".repeat(400),
  );
  const lines = fc.constantFrom(
    "--a",
    "--a--",
    "--b",
    "--b--",
    "--a ",
    "--ab",
    "",
    "",
    "text",
    "X: y",
    "\xe9",
    "Content-Type: multipart/mixed; boundary=b",
    "Content-Type: message/rfc822",
  );
  const loose = fc.array(fragment, { maxLength: 60 }).map((parts) => parts.join(""));
  const tidy = fc
    .tuple(fc.constantFrom("\r\n", "\n"), fc.array(lines, { maxLength: 30 }))
    .map(([end, parts]) => ["Content-Type: multipart/mixed; boundary=a", "", ...parts].join(end));
  const odd = fc.oneof(loose, tidy).map((text) => Buffer.from(text, "latin1"));

  test("every size of chunk gives the structure of the whole", () => {
    for (let size = 1; size < 60; size++) {
      const scanner = new MimeScanner(LIMITS);
      for (let at = 0; at < NESTED.length; at += size) scanner.push(Buffer.from(NESTED.slice(at, at + size), "latin1"));
      expect(scanner.end()).toEqual(scan(NESTED));
    }
  });

  test("every split into chunks gives the same structure", () => {
    fc.assert(
      fc.property(odd, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 20 }), (bytes, sizes) => {
        const scanner = new MimeScanner({ ...LIMITS, depthMax: 4, partsMax: 10, headerBytesMax: 300 });
        for (let at = 0, n = 0; at < bytes.length; n++) {
          const size = sizes[n % sizes.length] ?? 1;
          // A copy that is wiped afterwards: the scanner may not keep a caller's memory.
          const chunk = Buffer.from(bytes.subarray(at, at + size));
          scanner.push(chunk);
          chunk.fill(0);
          at += size;
        }
        const whole = scan(bytes, { ...LIMITS, depthMax: 4, partsMax: 10, headerBytesMax: 300 });
        expect(scanner.end()).toEqual(whole);
      }),
      { numRuns: 600 },
    );
  });

  test("offsets nest and paths are unique whatever the bytes", () => {
    fc.assert(
      fc.property(fc.oneof(odd, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        const { root, sizeBytes } = scan(Buffer.from(bytes));
        const paths: string[] = [];
        const walk = (part: MimePart, from: number, to: number): void => {
          expect(from <= part.headerStart && part.headerStart <= part.bodyStart).toBe(true);
          expect(part.bodyStart <= part.bodyEnd && part.bodyEnd <= to).toBe(true);
          paths.push(part.path);
          for (const child of part.children) walk(child, part.bodyStart, part.bodyEnd);
        };
        walk(root, 0, sizeBytes);
        expect(new Set(paths).size).toBe(paths.length);
      }),
      { numRuns: 600 },
    );
  });
});
