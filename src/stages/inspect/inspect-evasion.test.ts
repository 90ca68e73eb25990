/** Mails made so that a reader sees, or the source tells, what inspection might miss. */
import { describe, expect, test } from "vitest";
import { zipOf } from "../../parts/extraction/zip.samples.ts";
import { base64, inspectMail, mixed } from "./inspect-mails.suite.ts";

const PHI = "MRN 00482913 diabetes";
const plain = (body: string, ...header: readonly string[]): readonly string[] => [
  "From: a@example.org",
  ...header,
  "",
  body,
];
const html = (body: string): readonly string[] => plain(body, "Content-Type: text/html");
const utf8 = (body: string): readonly string[] =>
  plain(Buffer.from(body).toString("latin1"), "Content-Type: text/plain; charset=utf-8");
const struck = (text: string): string => text.replace(/\w/g, "$&\u0336");
const cells = (...texts: readonly string[]): string => texts.map((text) => `<td>${text}</td>`).join("");
const PACKED = zipOf([{ name: "a.txt", content: PHI }]);
const behind = (text: string, bytes: Buffer): readonly string[] =>
  mixed([
    [
      "Content-Type: text/plain; name=a.txt",
      "Content-Transfer-Encoding: base64",
      "",
      base64(Buffer.concat([Buffer.from(text, "latin1"), bytes])),
    ],
  ]);
/** A page that shows a small picture, and what stands behind the first bytes of that. */
const withPicture = (behindIt: Buffer): readonly string[] =>
  mixed(
    [
      ["Content-Type: text/html", "", "<img src=cid:x>"],
      [
        "Content-Type: image/gif",
        "Content-ID: <x>",
        "Content-Transfer-Encoding: base64",
        "",
        base64(Buffer.concat([Buffer.from("GIF89a"), Buffer.alloc(20, 1), behindIt])),
      ],
    ],
    "multipart/related",
  );
const hidden = (boundary: string): readonly string[] => [
  `--${boundary}`,
  "Content-Transfer-Encoding: base64",
  "",
  base64("hello there"),
  `--${boundary}--`,
];
const dashes = (type: string, ...lines: readonly string[]): readonly string[] =>
  plain("", `Content-Type: ${type}`).concat(lines);

describe("PHI is seen in", () => {
  test.each<[string, readonly string[]]>([
    ["a header of the sender's own", plain("hello", `X-Note: ${PHI}`)],
    ["a header's name", plain("hello", "X-MRN: 00482913 diabetes")],
    ["an encoded header", plain("hello", `Organization: =?utf-8?B?${base64(PHI)}?=`)],
    ["a Message-ID", plain("hello", "Message-ID: <MRN.00482913.diabetes@example.org>")],
    ["a name beside an address nobody shows", plain("hello", `Disposition-Notification-To: "${PHI}" <a@example.org>`)],
    ["a header of a part", mixed([[`X-Note: ${PHI}`, "", "hello"]])],
    ["the description of a part", mixed([[`Content-Description: ${PHI}`, "", "hello"]])],
    [
      "the second of two file names",
      mixed([
        ['Content-Type: text/plain; name="MRN 00482913 diabetes"', "Content-Disposition: inline; filename=a", "", ""],
      ]),
    ],
    ["a preamble line of dashes", dashes("multipart/mixed; boundary=b", `-- ${PHI}`, "--b", "", "hello", "--b--")],
    ["an epilogue line of dashes", dashes("multipart/mixed; boundary=b", "--b", "", "hello", "--b--", `--${PHI}`)],
    [
      "what stands between an end and another part",
      dashes("multipart/mixed; boundary=b", "--b", "", "hello", "--b--", PHI, "--b", "", "bye", "--b--"),
    ],
    ["a bogus comment's disguise", html(`<!x="> ${PHI} <i y=">`)],
    ["a style sheet", html(`<style>p:before{content:"${PHI}"}</style>`)],
    ["linked data in a script", html(`<script type="application/ld+json">{"a":"${PHI}"}</script>`)],
    ["a text inside a link", html(`<a href="data:text/plain;base64,${base64(PHI)}">x</a>`)],
    ["a comment in a comment", html(`<!-- <!-- ${PHI} -->`)],
    [
      "flowed lines that join words",
      plain("MRN 0048 \r\n2913 dia \r\nbetes", "Content-Type: text/plain; format=flowed; delsp=yes"),
    ],
    ["escape sequences nobody declared", plain("MRN 0048\x1b(B2913 dia\x1b(Jbetes")],
    ["control characters", plain("MRN 0048\x072913 dia\x7fbetes")],
    [
      "base64 without a header that says so",
      plain(`Content-Transfer-Encoding: base64\r\n\r\n${base64(`a note: ${PHI}`)}\r\n--x--`),
    ],
    ["base64 of UTF-16", plain(base64(Buffer.from(PHI, "utf16le")))],
    ["base64 in the armour of a signature", plain(`-----BEGIN PGP SIGNATURE-----\r\n\r\n${base64(`a note: ${PHI}`)}`)],
    ["a value of JSON", plain(`{"a":"${base64(`a note: ${PHI}`)}"}`, "Content-Type: application/json")],
    ["escapes of JSON", plain('{"MRN":"\\u0030\\u00304\\u00382913 \\u0064iabetes"}', "Content-Type: application/json")],
    ["a quoted header", plain(`Subject: =?utf-8?B?${base64(PHI)}?=`, "Content-Type: text/rfc822-headers")],
    ["an encoded word of no known charset", plain("hello", `Subject: =?x-none?B?${base64(PHI)}?=`)],
    ["a field longer than fields are", plain("hello", `Comments: ${"x ".repeat(5_000)}${PHI}`)],
    ["a long list of names", plain("hello", `Cc: ${"Al Low <a@example.org>, ".repeat(400)}"${PHI}" <b@example.org>`)],
    ["angle brackets around no address", plain("hello", `Cc: <${PHI}>`)],
    [
      "letters of a drawing",
      plain(
        "<svg><text>MRN <tspan>0048</tspan><tspan>2913</tspan> dia<tspan>betes</tspan></text></svg>",
        "Content-Type: image/svg+xml",
      ),
    ],
    ["a charset that the markup names", html('<meta charset="utf-7">+AE0AUgBO 00482913 +AGQ-iabetes')],
    [
      "escape sequences of Japanese nobody declared",
      plain("MRN \x1b$B#0#0#4#8#2#9#1#3\x1b(B \x1b$B#d#i#a#b#e#t#e#s\x1b(B"),
    ],
    [
      "a web page in one file",
      mixed([
        [
          "Content-Type: text/plain; name=a.mht",
          "",
          "MIME-Version: 1.0",
          "Content-Transfer-Encoding: quoted-printable",
          "",
          "MRN 0048=",
          "2913 dia=",
          "betes",
        ],
      ]),
    ],
    ["letters of other scripts", utf8("МRN: 00482913 dіаbеtеs")],
    ["letters and digits struck through", utf8(struck("MRN: 00482913 diabetes"))],
    ["digits in boxes", utf8("MRN: 0\uFE0F\u20E30\uFE0F\u20E3482913 diabetes")],
    [
      "invisible characters of every plane",
      utf8("MRN: 0\u{1D173}04\u{1BCA0}82\u{E0100}91\uFFFF3 dia\u2065bet\u{1D17A}es"),
    ],
    ["rare hyphens and blanks", utf8("219\u205309\u2E3A9876\u2800dia\u00ADbetes")],
    ["digits set apart", plain("MRN: 0 0 4 8 2 9 1 3, diabetes")],
    ["letters set apart", plain("M R N: 0.0.4.8.2.9.1.3  d i a b e t e s")],
    [
      "digits in cells of their own",
      html(`<table><tr><td>MRN</td>${cells(...Array.from("00482913"), "diabetes")}</tr></table>`),
    ],
    ["a number parted over cells", html(`<table><tr>${cells("SSN", "219", "09", "9876", "diabetes")}</tr></table>`)],
    ["a number parted over cells with its hyphens", plain("SSN\t219\t-\t09\t-\t9876\tdiabetes")],
    ["letters of flags", utf8("\u{1F1F2}\u{1F1F7}\u{1F1F3} 00482913 diabetes")],
    [
      "letters and digits in black frames",
      utf8("MRN \u24FF\u24FF\u2779\u277D\u2777\u278E\u278A\u2782 \u{1F173}\u{1F158}abetes"),
    ],
    ["small capitals", utf8("ᴍʀɴ 00482913 ᴅɪᴀʙᴇᴛᴇꜱ")],
    [
      "what a link writes into a mail",
      html('<a href="mailto:a@example.org?subject=MRN%2000482913&amp;body=diabetes%20now">x</a>'),
    ],
    ["the words of a link", plain("See https://example.org/find?q=MRN%2000482913+has%20diabetes for it.")],
    ["elements for each letter", html(`${Array.from("MRN:00482913", (each) => `<b>${each}</b>`).join("\n")} diabetes`)],
    ["digits told as words", plain("MRN zero zero four eight two nine one three, diabetes")],
    ["a number told as words in groups", plain("two one nine, zero nine, nine eight seven six: diabetes")],
    ["a run written backwards", utf8("\u202Esetebaid 31928400 :NRM\u202C")],
    ["markup that writes backwards", html("<bdo dir=rtl>setebaid 31928400 :NRM</bdo>")],
    [
      "a style that writes backwards",
      html('<i style="unicode-bidi:bidi-override;direction:rtl">setebaid 31928400 :NRM</i>'),
    ],
    [
      "an attachment of a calendar entry",
      mixed([["Content-Type: text/calendar", "", `ATTACH;VALUE=BINARY;ENCODING=BASE64:${base64(PHI)}`]]),
    ],
    [
      "a header of OpenPGP armour",
      plain(
        [
          "-----BEGIN PGP MESSAGE-----",
          `Comment: ${PHI}`,
          "",
          base64(Buffer.from("c103030102d20401aabbcc", "hex")),
          "-----END PGP MESSAGE-----",
        ].join("\r\n"),
      ),
    ],
    ["the bytes behind a picture's first ones", withPicture(Buffer.from(PHI))],
  ])("%s", async (_, lines) => {
    expect((await inspectMail(lines)).verdict).toBe("phi");
  });
});

describe("what a reader may see and inspection cannot is never clean:", () => {
  const smime = [
    "Content-Type: application/pkcs7-mime; smime-type=enveloped-data",
    "Content-Transfer-Encoding: base64",
  ];
  const enveloped = Buffer.from("301206092a864886f70d010703a0053003020100", "hex");
  test.each<[string, readonly string[]]>([
    [
      "another boundary in RFC 2231 form",
      dashes("multipart/mixed; boundary=a; boundary*=us-ascii''b", "--b", "", "hello", ...hidden("a"), "--b--"),
    ],
    ["a boundary with a comment", dashes("multipart/mixed; boundary=a(x)", "--a(x)", "", ...hidden("a"), "--a(x)--")],
    [
      "a boundary with an escape",
      dashes('multipart/mixed; boundary="a\\b"', "--ab", "", "hello", ...hidden("a\\b"), "--ab--"),
    ],
    [
      "a line that begins with a delimiter",
      dashes(
        "multipart/mixed; boundary=a",
        "--a",
        "",
        "hello",
        "--aX",
        "Content-Transfer-Encoding: base64",
        "",
        base64("hello there"),
        "--a--",
      ),
    ],
    ["an archive behind a text", behind("hello there. ".repeat(400), PACKED)],
    ["an archive behind a text in UTF-16", behind(Buffer.from("\ufeffhello", "utf16le").toString("latin1"), PACKED)],
    ["bytes behind a text", behind("hello there. ".repeat(400), Buffer.alloc(3_000, "\x01\0\x80\x02"))],
    ["an archive behind a small picture", withPicture(PACKED)],
    ["a blank before the colon of a MIME header", plain("hello", "Content-Type : multipart/mixed; boundary=b")],
    [
      "an encoded part behind the end",
      dashes("multipart/mixed; boundary=a", "--a", "--a--", "Content-Transfer-Encoding: base64", "", base64(PHI)),
    ],
    [
      "a signature in damaged base64",
      mixed([
        ["Content-Type: application/pgp-signature", "Content-Transfer-Encoding: base64", "", `UG=${base64(PHI)}`],
      ]),
    ],
    ["a line of blanks in the header", ["From: a@example.org", " ", "X-Other: a body for some", "", "hello"]],
    ["padding inside base64", plain(base64(PHI).replace(/.{5}/g, "$&="), "Content-Transfer-Encoding: base64")],
    [
      "an archive called a signature",
      mixed([["Content-Type: application/pkcs7-signature", "Content-Transfer-Encoding: base64", "", "UEsDBAAAAAA="]]),
    ],
    [
      "bytes called a signature",
      mixed([["Content-Type: application/pgp-signature", "Content-Transfer-Encoding: base64", "", "AAECAwQFBgcI"]]),
    ],
    [
      "signed content called a signature alone",
      mixed([
        [
          "Content-Type: application/pkcs7-signature",
          "Content-Transfer-Encoding: base64",
          "",
          base64(Buffer.from("301506092a864886f70d010702a0083006020101310000", "hex")),
        ],
      ]),
    ],
    ["a header longer than is read", plain("hello", `X-A: ${"x ".repeat(200_000)}`)],
    [
      "words that a document defines for itself",
      plain("<!DOCTYPE a [<!ENTITY m '0048'>]><a>&m;2913</a>", "Content-Type: text/xml"),
    ],
    ["a short pasted file", plain("begin 644 a.txt\r\n%2&5L;&\\\r\n`\r\nend")],
    ["a yEnc file", plain("=ybegin line=128 size=3 name=a.txt\r\nabc\r\n=yend size=3")],
    ["a BinHex file", plain("(This file must be converted with BinHex 4.0)\r\n:abc")],
    [
      "an armoured message that is not encrypted",
      plain("-----BEGIN PGP MESSAGE-----\r\n\r\nywtiAAEC\r\n-----END PGP MESSAGE-----"),
    ],
    [
      "a large picture inside markup",
      html(`<img src="data:image/png;base64,${base64(Buffer.from("89504e470d0a1a0a", "hex"))}${"A".repeat(60_000)}">`),
    ],
    ["an archive inside markup", html(`<a href="data:application/zip;base64,UEsDBAAAAAA=">x</a>`)],
    ["text behind S/MIME", [...smime, "", base64(Buffer.concat([enveloped, Buffer.from("Dear Anna")]))]],
    [
      "a picture of a vCard",
      mixed([
        [
          "Content-Type: text/vcard",
          "",
          `PHOTO;ENCODING=b;TYPE=PNG:${base64(Buffer.from("89504e470d0a1a0a", "hex"))}${"A".repeat(60_000)}`,
        ],
      ]),
    ],
  ])("%s", async (_, lines) => {
    expect((await inspectMail(lines)).verdict).toBe("uninspectable");
  });

  test("a small picture inside markup is nothing", async () => {
    const logo = base64(Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(200)]));
    expect((await inspectMail(html(`<img src="data:image/png;base64,${logo}">`))).verdict).toBe("clean");
  });

  test("a field name, which the sender chose, stands in no finding", async () => {
    const { findings } = await inspectMail(plain("hello", "X-Anna-Sample: MRN 00482913 diabetes"));
    expect(findings.map(({ part }) => part)).toEqual(["header:other", "header:other"]);
  });

  test("the subject does not lend its words to technical fields", async () => {
    const lines = plain("hello", "Subject: diabetes week", "X-MRN: 00482913");
    expect((await inspectMail(lines)).verdict).toBe("clean");
  });

  test("decoys above the limit of matches are over budget, never clean", async () => {
    const decoys = Array.from({ length: 20_001 }, (_, n) => `MRN ${100_000 + n}`).join("\r\n");
    const findings = await inspectMail(plain(`${decoys}\r\n${"word ".repeat(200)}\r\n${PHI}`));
    expect(findings.verdict).toBe("uninspectable");
    expect(findings.uninspectable).toEqual([{ part: "", reason: "over_budget" }]);
  });
});
