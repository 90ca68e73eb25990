/** The scanner against mailparser, on mails written by others: the same parts with the same contents. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { simpleParser } from "mailparser";
import { describe, expect, test } from "vitest";
import type { MimePart, MimeStructure } from "../../core/mime-structure.ts";
import { decodeBody, decodeTransfer } from "./decode-body.ts";
import { MimeScanner } from "./mime-scanner.ts";

const DATA = join(import.meta.dirname, "../../../../shared/data");
const isThere = existsSync(DATA);
// Where everything must run, missing data is a failure, not a skip.
const mustRun = process.env["CI"] !== undefined && process.env["CI"] !== "";

function scan(bytes: Buffer): MimeStructure {
  const scanner = new MimeScanner({ depthMax: 20, partsMax: 1000, headerBytesMax: 262_144 });
  scanner.push(bytes);
  return scanner.end();
}

/** mailparser keeps an embedded message as one attachment. */
function outermost(part: MimePart): readonly MimePart[] {
  if (part.contentType === "message/rfc822" || part.children.length === 0) return [part];
  return part.children.flatMap(outermost);
}

/** Without white space, and without what the two guess differently where nobody declared a charset. */
function squeeze(text: string): string {
  return text.replace(/[^!-~]+/g, "");
}

function textsOf(bytes: Buffer, part: MimePart): string {
  return outermost(part)
    .filter(({ contentType, disposition }) => /^text\/(plain|html)$/.test(contentType) && disposition !== "attachment")
    .map((leaf) => {
      const decoded = decodeBody(bytes.subarray(leaf.bodyStart, leaf.bodyEnd), leaf);
      return decoded.kind === "text" ? squeeze(decoded.text) : "";
    })
    .join("\n");
}

async function compare(bytes: Buffer): Promise<{ readonly attachments: number }> {
  const mail = await simpleParser(bytes, { skipHtmlToText: true, skipTextToHtml: true, skipImageLinks: true });
  const { root } = scan(bytes);
  const texts = textsOf(bytes, root);
  const contents = outermost(root).map((leaf) => {
    const decoded = decodeTransfer(bytes.subarray(leaf.bodyStart, leaf.bodyEnd), leaf.encoding);
    return decoded.kind === "bytes" ? squeeze(decoded.bytes.toString("latin1")) : "";
  });
  for (const { content } of mail.attachments) {
    expect(contents.includes(squeeze(content.toString("latin1")))).toBe(true);
  }
  for (const line of (mail.text ?? "").split("\n")) expect(texts.includes(squeeze(line))).toBe(true);
  const html = typeof mail.html === "string" ? mail.html : "";
  expect(texts.includes(squeeze(html.split("<br/>\n")[0] ?? ""))).toBe(true);
  return { attachments: mail.attachments.length };
}

function files(folder: string): readonly string[] {
  return readdirSync(join(DATA, "crypto", folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(eml|inner|txt|mime)$/.test(name))
    .map((name) => join(DATA, "crypto", folder, name));
}

test("the data of others is there where it must be", () => {
  expect(isThere || !mustRun).toBe(true);
});

describe.skipIf(!isThere)("mails written by others", () => {
  test.each([
    "deltachat-messages",
    "nss-smime",
    "protected-headers",
    "rfc9788",
    "thunderbird-openpgp",
    "mimekit-smime",
  ])("%s", async (folder) => {
    const paths = files(folder);
    expect(paths.length).toBeGreaterThan(0);
    for (const path of paths) await compare(readFileSync(path));
  });

  test("ordinary mail", async () => {
    const lines = gunzipSync(readFileSync(join(DATA, "phi/ham-mail.jsonl.gz")))
      .toString("utf8")
      .split("\n");
    const mails = lines.filter((line) => line !== "").map((line) => JSON.parse(line) as { readonly raw: string });
    expect(mails.length).toBeGreaterThan(1000);
    for (let at = 0; at < mails.length; at += 10) {
      // Mailbox files begin with a line that is no header.
      const raw = (mails[at]?.raw ?? "").replace(/^From .*\n/, "");
      await compare(Buffer.from(raw, "latin1"));
    }
  });
});
