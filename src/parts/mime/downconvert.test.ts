import { simpleParser } from "mailparser";
import { describe, expect, test } from "vitest";
import { MemoryBlobStore } from "../../../test/support/memory-blob-store.ts";
import { downconvert } from "./downconvert.ts";
import type { Downconverted } from "./downconvert.ts";
import { MimeScanner } from "./mime-scanner.ts";

const HEADER_BYTES_MAX = 65_536;

async function convert(
  source: string | Buffer,
): Promise<{ readonly result: Downconverted; readonly bytes: Buffer | null }> {
  const blobs = new MemoryBlobStore();
  const body = blobs.put(typeof source === "string" ? Buffer.from(source, "utf8") : source);
  const result = await downconvert({
    blobs,
    body,
    mime: scan(await blobs.readAll(body, Infinity)),
    editHeader: (header) => header,
    requoteBytesMax: 100_000,
    headerBytesMax: HEADER_BYTES_MAX,
  });
  return { result, bytes: result.kind === "converted" ? await blobs.readAll(result.ref, Infinity) : null };
}

function scan(bytes: Buffer): ReturnType<MimeScanner["end"]> {
  const scanner = new MimeScanner({ depthMax: 20, partsMax: 1000, headerBytesMax: HEADER_BYTES_MAX });
  scanner.push(bytes);
  return scanner.end();
}

async function contents(bytes: Buffer): Promise<unknown> {
  const mail = await simpleParser(bytes, { skipTextToHtml: true, skipHtmlToText: true, skipImageLinks: true });
  return {
    subject: mail.subject,
    text: mail.text,
    html: mail.html,
    attachments: await Promise.all(
      mail.attachments.map(async ({ filename, contentType, content }) => ({
        filename,
        contentType,
        // An embedded message is itself rewritten; what it says must stay.
        content: contentType === "message/rfc822" ? await contents(content) : content.toString("hex"),
      })),
    ),
  };
}

async function convertedAlike(source: string | Buffer): Promise<string> {
  const before = typeof source === "string" ? Buffer.from(source, "utf8") : source;
  const { result, bytes } = await convert(before);
  expect(result.kind).toBe("converted");
  if (bytes === null) throw new Error("not converted");
  const after = scan(bytes);
  expect(after).toMatchObject({ has8bitBody: false, has8bitHeader: false });
  expect(after.longestLine).toBeLessThanOrEqual(998);
  expect(await contents(bytes)).toEqual(await contents(before));
  return bytes.toString("latin1");
}

const crlf = (...lines: readonly string[]): string => lines.join("\r\n");
const HEAD = ["From: a@example.org", "Subject: x", "MIME-Version: 1.0"];

describe("what can be converted reads the same afterwards", () => {
  test("a lone text", async () => {
    const source = crlf(
      ...HEAD,
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: 8bit",
      "",
      "grüße \t",
      "--x",
      ".",
      "",
    );
    const converted = await convertedAlike(source);
    expect(converted).toContain("Content-Transfer-Encoding: quoted-printable\r\n");
    expect(converted).not.toContain("8bit");
  });

  test("a text that never said it is MIME", async () => {
    const converted = await convertedAlike(crlf("From: a@example.org", "Subject: x", "", "grüße", ""));
    expect(converted).toContain("MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n");
  });

  test("lines that are too long, in every encoding", async () => {
    const long = "word ".repeat(400);
    const parts = [
      ["text/plain", "7bit", long],
      ["text/html", "quoted-printable", `<p>${"=C3=A4".repeat(300)} ä</p>`],
      ["application/pdf", "base64", Buffer.from(long).toString("base64")],
      ["application/octet-stream", "binary", `${long}\n${long}`],
    ];
    const converted = await convertedAlike(
      crlf(
        ...HEAD,
        'Content-Type: multipart/mixed; boundary="b"',
        "Content-Transfer-Encoding: 8bit",
        "",
        ...parts.flatMap(([type, encoding, body]) => [
          "--b",
          `Content-Type: ${type}; charset=utf-8; name=f`,
          `Content-Transfer-Encoding: ${encoding}`,
          "",
          String(body),
        ]),
        "--b--",
        "",
      ),
    );
    expect(converted.match(/Content-Transfer-Encoding: \S+/g)).toEqual(
      ["7bit", "quoted-printable", "quoted-printable", "base64", "base64"].map(
        (name) => `Content-Transfer-Encoding: ${name}`,
      ),
    );
  });

  test("nested multiparts and embedded messages, preamble emptied", async () => {
    const converted = await convertedAlike(
      crlf(
        ...HEAD,
        "Content-Type: multipart/mixed; boundary=o",
        "",
        "Präambel",
        "--o",
        "Content-Type: multipart/alternative; boundary=i",
        "Content-Transfer-Encoding: 8bit",
        "",
        "--i",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "",
        "äöü",
        "--i",
        "Content-Type: text/html; charset=utf-8",
        "",
        "<b>ascii</b>",
        "--i--",
        "--o",
        "Content-Type: message/rfc822",
        "Content-Transfer-Encoding: 8bit",
        "",
        "Subject: inner",
        "Content-Type: text/plain; charset=iso-8859-1",
        "Content-Transfer-Encoding: 8bit",
        "",
        "äöü inner",
        "--o",
        "Content-Type: application/octet-stream",
        "Content-Transfer-Encoding: binary",
        "",
        "\0\u0001ü\n\r",
        "--o--",
        "",
      ),
    );
    expect(converted).not.toContain("Pr\xc3");
  });

  test("UTF-16 text becomes base64: it has no lines", async () => {
    const head = crlf(
      ...HEAD,
      "Content-Type: text/plain; charset=utf-16le",
      "Content-Transfer-Encoding: binary",
      "",
      "",
    );
    const source = Buffer.concat([Buffer.from(head), Buffer.from("äöü text", "utf16le")]);
    const converted = await convertedAlike(source);
    expect(converted).toContain("Content-Transfer-Encoding: base64\r\n");
    expect(converted.endsWith("\r\n")).toBe(true);
  });

  test("a large binary part streams through", async () => {
    const bytes = Buffer.alloc(300_000, "\x00\xff\r\n\x80abc", "latin1");
    const head = crlf(...HEAD, "Content-Type: application/octet-stream", "Content-Transfer-Encoding: binary", "", "");
    const converted = await convertedAlike(Buffer.concat([Buffer.from(head), bytes]));
    expect(converted.length).toBeGreaterThan(400_000);
  });

  test("a header line that is too long is folded", async () => {
    const source = crlf(...HEAD, `References: ${"<id@example.org> ".repeat(100).trim()}`, "", "ä", "");
    expect(await convertedAlike(source)).toMatch(/^References: .{880,890}\r\n <id/m);
  });
});

test("the parts of an embedded message keep their text", async () => {
  const source = crlf(
    ...HEAD,
    "Content-Type: message/rfc822",
    "Content-Transfer-Encoding: 8bit",
    "",
    "Subject: inner",
    "",
    "äöü",
    "",
  );
  const { bytes } = await convert(source);
  const text = bytes?.toString("latin1") ?? "";
  expect(text).toContain("Content-Transfer-Encoding: 7bit\r\n");
  expect(
    text.endsWith(
      "Subject: inner\r\nMIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n=C3=A4=C3=B6=C3=BC\r\n",
    ),
  ).toBe(true);
});

describe("what cannot be converted without loss is refused", () => {
  const signed = (text: string): string =>
    crlf(
      ...HEAD,
      "Content-Type: multipart/signed; boundary=s",
      "",
      "--s",
      "",
      text,
      "--s",
      "Content-Type: application/pkcs7-signature",
      "",
      "AAAA",
      "--s--",
      "",
    );
  test.each([
    ["signed 8-bit text", signed("ä"), "PST-PRT-003"],
    ["8-bit headers", crlf("Subject: ä", "", "ä"), "PST-PRT-002"],
    ["an unknown encoding", crlf(...HEAD, "Content-Transfer-Encoding: x-y", "", "ä"), "PST-PRT-004"],
    ["a multipart without a boundary", crlf(...HEAD, "Content-Type: multipart/mixed", "", "ä"), "PST-PRT-004"],
    ["an 8-bit delivery status", crlf(...HEAD, "Content-Type: message/delivery-status", "", "ä"), "PST-PRT-004"],
    ["base64 with 8-bit bytes", crlf(...HEAD, "Content-Transfer-Encoding: base64", "", "AAäA"), "PST-PRT-004"],
    ["a header line without a place to fold", crlf(...HEAD, `X: ${"y".repeat(1200)}`, "", "ä"), "PST-PRT-004"],
    ["more parts than were recorded", "", "PST-PRT-004"],
  ])("%s", async (name, source, code) => {
    const many = crlf(
      ...HEAD,
      "Content-Type: multipart/mixed; boundary=m",
      "",
      ...Array.from({ length: 1001 }, () => "--m\r\n\r\nä"),
      "--m--",
    );
    const { result } = await convert(name.startsWith("more") ? many : source);
    expect(result).toEqual({ kind: "refused", code });
  });

  test("signed 7-bit text beside an 8-bit part stays byte for byte", async () => {
    const inner = signed("plain").slice(signed("plain").indexOf("Content-Type"));
    const source = crlf(
      ...HEAD,
      "Content-Type: multipart/mixed; boundary=o",
      "",
      "--o",
      inner,
      "--o",
      "",
      "ä",
      "--o--",
      "",
    );
    expect(await convertedAlike(source)).toContain(inner);
  });
});
