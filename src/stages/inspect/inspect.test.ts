import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { base64, inspectMail, mixed, TEST_PACK } from "./inspect-mails.suite.ts";

const PHI = "MRN 00482913 diabetes";
const plain = (body: string, ...header: readonly string[]): readonly string[] => [
  "From: a@example.org",
  ...header,
  "",
  body,
];
const zip = Buffer.concat([Buffer.from("PK\x03\x04"), Buffer.alloc(60, 7)]);
const png = (size: number): Buffer => Buffer.concat([Buffer.from("89504e470d0a1a0a", "hex"), Buffer.alloc(size)]);
const utf16 = (text: string): string => base64(Buffer.from(`\ufeff${text}`, "utf16le"));

describe("PHI is seen in", () => {
  const html = "Content-Type: text/html";
  test.each<[string, readonly string[]]>([
    ["a plain body", plain(PHI)],
    ["the subject alone", plain("hello", `Subject: ${PHI}`)],
    ["an encoded subject", plain("hello", `Subject: =?utf-8?B?${base64(PHI)}?=`)],
    ["a subject and the beginning of the body together", plain("MRN 00482913", "Subject: diabetes")],
    ["a base64 body", plain(base64(PHI), "Content-Transfer-Encoding: base64")],
    ["a quoted-printable body", plain("MRN 0048=\r\n2913 diab=65tes", "Content-Transfer-Encoding: quoted-printable")],
    ["UTF-16", plain(utf16(PHI), "Content-Type: text/plain; charset=utf-16", "Content-Transfer-Encoding: base64")],
    ["UTF-16 nobody declared", plain(utf16(PHI), "Content-Transfer-Encoding: base64")],
    ["UTF-7", plain("MRN 00482913 diabe+AHQ-es", "Content-Type: text/plain; charset=utf-7")],
    ["split tags", plain("MRN 00<b>48</b>2913 dia<i>betes</i>", html)],
    ["entities", plain("MRN &#48;0482913 diabetes", html)],
    ["hidden HTML", plain(`<p style="display:none">${PHI}</p>`, html)],
    ["a comment", plain(`<!-- ${PHI} -->`, html)],
    ["an alternative text", plain(`<img alt="${PHI}">`, html)],
    ["table cells", plain("<table><tr><td>MRN</td><td>00482913</td></tr><tr><td>diabetes</td></tr></table>", html)],
    [
      "zero-width characters",
      plain("MRN 00\xe2\x80\x8b482913 dia\xc2\xadbetes", "Content-Type: text/plain; charset=utf-8"),
    ],
    [
      "full-width digits",
      plain("MRN \xef\xbc\x90\xef\xbc\x90482913 diabetes", "Content-Type: text/plain; charset=utf-8"),
    ],
    ["a display name", plain("hello", `To: "${PHI}" <b@example.org>`)],
    ["a comments field", plain("hello", `Comments: ${PHI}`)],
    [
      "a text attachment",
      mixed([
        ["", "hello"],
        ["Content-Type: text/plain; name=a.txt", "", PHI],
      ]),
    ],
    ["a CSV attachment", mixed([["Content-Type: text/csv", "", "Note,MRN\r\ndiabetes,00482913"]])],
    [
      "a file name",
      mixed([
        ["Content-Type: text/plain", 'Content-Disposition: attachment; filename="mrn_00482913_diabetes.txt"', "", "x"],
      ]),
    ],
    ["a calendar entry", mixed([["Content-Type: text/calendar", "", "SUMMARY:MRN 0048\r\n 2913 diabetes"]])],
    [
      "only one of two twins",
      mixed(
        [
          ["", "hello"],
          [html, "", PHI],
        ],
        "multipart/alternative",
      ),
    ],
    ["an embedded message", mixed([["Content-Type: message/rfc822", "", "Subject: diabetes", "", "MRN 00482913"]])],
    [
      "an embedded message in base64",
      mixed([["Content-Type: message/rfc822", "Content-Transfer-Encoding: base64", "", base64(`\r\n${PHI}`)]]),
    ],
    ["the preamble", ["Content-Type: multipart/mixed; boundary=b0", "", PHI, "--b0", "", "hello", "--b0--"]],
    ["the epilogue", [...mixed([["", "hello"]]), PHI]],
    ["a multipart without boundary", plain(PHI, "Content-Type: multipart/mixed")],
    ["an unknown charset", plain(PHI, "Content-Type: text/plain; charset=x-nobody")],
    ["an octet stream that is text", mixed([["Content-Type: application/octet-stream", "", PHI]])],
    ["a line that is no header", ["From: a@example.org", PHI, "To: b@example.org", "", "hello"]],
  ])("%s", async (_, lines) => {
    const findings = await inspectMail(lines);
    expect(findings.verdict).toBe("phi");
    expect(findings.tier).toBe("low");
    expect(findings.hits).toEqual([
      {
        pack: "test",
        rule: "t.phi",
        tier: "low",
        action: { kind: "protect", profile: "standard" },
        scope: { kind: "all" },
      },
    ]);
  });
});

describe("the verdict", () => {
  const cms = (type: string): string => base64(Buffer.from(`301206092a864886f70d0107${type}a0053003020100`, "hex"));
  const smime = [
    "Content-Type: application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
    "Content-Transfer-Encoding: base64",
    "",
  ];
  const armoured = [
    "-----BEGIN PGP MESSAGE-----",
    "",
    base64(Buffer.from("c103030102d20401aabbcc", "hex")),
    "-----END PGP MESSAGE-----",
  ];
  const pgpParts = [
    ["Content-Type: application/pgp-encrypted", "", "Version: 1"],
    ["Content-Type: application/octet-stream", "", ...armoured],
  ];
  const pgpType = 'multipart/encrypted; protocol="application/pgp-encrypted"';
  const rpmsg = [
    "Content-Type: application/x-microsoft-rpmsg-message; name=message.rpmsg",
    "Content-Transfer-Encoding: base64",
    "",
    base64(Buffer.from("76e80460c411e386aabb", "hex")),
  ];
  const file = (type: string, bytes: Buffer): readonly string[] => [
    `Content-Type: ${type}`,
    "Content-Transfer-Encoding: base64",
    "",
    base64(bytes),
  ];
  const picture = (size: number): readonly string[] => [
    "Content-Type: image/png",
    "Content-ID: <logo@x>",
    "Content-Transfer-Encoding: base64",
    "",
    base64(png(size)),
  ];
  const shown = ["Content-Type: text/html", "", '<img src="cid:logo@x">'];
  test.each<[string, readonly string[], string, readonly string[]]>([
    ["ordinary mail is clean", plain("hello"), "clean", []],
    ["an identifier alone is clean", plain("MRN 00482913"), "clean", []],
    ["S/MIME is protected", [...smime, cms("03")], "protected", []],
    ["signed-only S/MIME is not", [...smime, cms("02")], "uninspectable", ["unsupported_type"]],
    [
      "a clear text that calls itself S/MIME is not",
      ["Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "", "hello"],
      "uninspectable",
      ["unsupported_type"],
    ],
    [
      "PHI in a text that calls itself S/MIME is PHI",
      ["Content-Type: application/pkcs7-mime; smime-type=enveloped-data", "", PHI],
      "phi",
      ["unsupported_type"],
    ],
    ["PGP/MIME is protected", mixed(pgpParts, pgpType), "protected", []],
    ["a clear part inside PGP/MIME is inspected", mixed([...pgpParts, ["", PHI]], pgpType), "phi", []],
    [
      "clear text in the encrypted part is inspected",
      mixed(
        [
          ["Content-Type: application/pgp-encrypted", "", "Version: 1"],
          ["", PHI],
        ],
        pgpType,
      ),
      "phi",
      [],
    ],
    ["inline OpenPGP is protected", ["", ...armoured], "protected", []],
    ["text beside inline OpenPGP is inspected", ["", PHI, ...armoured], "phi", []],
    ["a rights-protected message is protected", mixed([["", "see attachment"], rpmsg]), "protected", []],
    ["a clear subject above encrypted content is inspected", [`Subject: ${PHI}`, ...smime, cms("03")], "phi", []],
    [
      "an unreadable attachment beside encrypted content prevails",
      mixed([rpmsg, file("application/pdf", zip)]),
      "uninspectable",
      ["unsupported_type"],
    ],
    [
      "PHI beside an unreadable attachment prevails",
      mixed([["", PHI], file("application/pdf", zip)]),
      "phi",
      ["unsupported_type"],
    ],
    ["an archive is uninspectable", mixed([file("application/zip", zip)]), "uninspectable", ["unsupported_type"]],
    [
      "an archive that calls itself text is uninspectable",
      mixed([file("text/plain", zip)]),
      "uninspectable",
      ["unsupported_type"],
    ],
    [
      "a picture that calls itself text is uninspectable",
      mixed([file("text/plain", png(100))]),
      "uninspectable",
      ["unsupported_type"],
    ],
    [
      "an archive that calls itself a logo is uninspectable",
      mixed([
        shown,
        ["Content-Type: image/png", "Content-ID: <logo@x>", "Content-Transfer-Encoding: base64", "", base64(zip)],
      ]),
      "uninspectable",
      ["unsupported_type"],
    ],
    ["a signature logo is nothing", mixed([shown, picture(2_000)], "multipart/related"), "clean", []],
    [
      "a large picture is uninspectable",
      mixed([shown, picture(60_000)], "multipart/related"),
      "uninspectable",
      ["unsupported_type"],
    ],
    [
      "a picture the text does not show is uninspectable",
      mixed([["", "hi"], picture(2_000)]),
      "uninspectable",
      ["unsupported_type"],
    ],
    [
      "an unknown charset is uninspectable",
      plain("hello", "Content-Type: text/plain; charset=x-nobody"),
      "uninspectable",
      ["unknown_charset"],
    ],
    [
      "damaged base64 is uninspectable",
      plain("a!b!c", "Content-Transfer-Encoding: base64"),
      "uninspectable",
      ["damaged"],
    ],
    [
      "a multipart without boundary is uninspectable",
      plain("hello", "Content-Type: multipart/mixed"),
      "uninspectable",
      ["structure_defect"],
    ],
    [
      "a multipart that is never closed is read",
      ["Content-Type: multipart/mixed; boundary=b0", "", "--b0", "", "hello"],
      "clean",
      [],
    ],
    [
      "a detached signature is nothing",
      mixed(
        [
          ["", "hello"],
          ["Content-Type: application/pgp-signature", "", "-----BEGIN PGP SIGNATURE-----"],
        ],
        "multipart/signed",
      ),
      "clean",
      [],
    ],
    [
      "a pasted file is uninspectable",
      plain("begin 644 a.zip\r\nM4$L#!!0\r\nend"),
      "uninspectable",
      ["unsupported_type"],
    ],
  ])("%s", async (_, lines, verdict, reasons) => {
    const findings = await inspectMail(lines);
    expect(findings.verdict).toBe(verdict);
    expect([...new Set(findings.uninspectable.map(({ reason }) => reason))]).toEqual(reasons);
    expect(findings.tier).toBe(verdict === "phi" ? "low" : "none");
  });

  test("the stronger tier counts", async () => {
    const { tier, hits } = await inspectMail(plain("MRN 00482913 HIV"));
    expect(tier).toBe("high");
    expect(hits.map((hit) => hit.rule)).toEqual(["t.phi", "t.sensitive"]);
  });
});

describe("senders ask for protection", () => {
  test.each([
    ["by a tag anywhere in the subject", ["Subject: Fwd: [SeCuRe] hello"], ["subject-tag"]],
    ["by an encoded tag", [`Subject: =?utf-8?B?${base64("[secure] hello")}?=`], ["subject-tag"]],
    ["by the Sensitivity header", ["Sensitivity: Company-Confidential"], ["sensitivity-header"]],
    ["by both", ["Subject: [secure]", "Sensitivity: private"], ["subject-tag", "sensitivity-header"]],
    ["not by a tag in another field", ["Comments: [secure]", "Sensitivity: Normal"], []],
  ])("%s", async (_, header, triggers) => {
    expect((await inspectMail(plain("hello", ...header))).triggers).toEqual(triggers);
  });
});

describe("budgets", () => {
  const filler = "word ".repeat(20_000);
  test("a part over its bytes is over budget and its beginning is inspected", async () => {
    const findings = await inspectMail(plain(`${PHI}\r\n${filler}`), { options: { partBytesMax: 1_000 } });
    expect(findings.verdict).toBe("phi");
    expect(findings.uninspectable).toEqual([{ part: "1", reason: "over_budget" }]);
  });

  test("a message over its characters is over budget", async () => {
    const findings = await inspectMail(plain(filler), { options: { textCharsMax: 1_000 } });
    expect(findings.verdict).toBe("uninspectable");
    expect(findings.uninspectable).toEqual([{ part: "1", reason: "over_budget" }]);
  });

  test("a message over its time is over budget, never clean", async () => {
    let now = 0;
    const clock = { now: () => 0, monotonic: () => (now += 1) };
    const findings = await inspectMail(
      mixed([
        ["", "hello"],
        ["", "hello"],
      ]),
      { options: { timeMsMax: 2 }, clock },
    );
    expect(findings.verdict).toBe("uninspectable");
    expect(findings.uninspectable.some(({ reason }) => reason === "over_budget")).toBe(true);
  });

  test("findings are told up to their limit", async () => {
    const findings = await inspectMail(plain(`${PHI}\r\n${"diabetes hypertension ".repeat(50)}`), {
      options: { findingsMax: 5 },
    });
    expect(findings.findings).toHaveLength(5);
  });
});

test("findings hold places and keyed hashes, nothing of the text", async () => {
  const findings = await inspectMail(plain(`x ${PHI}`, "Subject: results of Anna Sample"));
  expect(findings.findings[0]).toEqual({
    detector: "t.mrn",
    confidence: 85,
    part: "1",
    offset: 6,
    length: 8,
    valueHash: expect.stringMatching(/^[0-9a-f]{16}$/),
  });
  expect(JSON.stringify(findings)).not.toMatch(/00482913|diabetes|Anna/i);
  expect(findings.packs).toEqual([{ pack: "test", sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }]);
});

test("a shadow rule is never acted on, and what it would have done is told", async () => {
  const pack = TEST_PACK.replaceAll("  - id: t.phi", "  - id: t.phi\n    status: shadow");
  const findings = await inspectMail(plain(PHI), { pack });
  expect([findings.verdict, findings.hits, findings.findings]).toEqual(["clean", [], []]);
  expect(findings.shadow?.map(({ rule, action }) => [rule, action.kind])).toEqual([["t.phi", "protect"]]);
});

test("a tag alone does not make PHI", async () => {
  const pack = TEST_PACK.replace("action: { protect: standard }", "action: tag");
  const findings = await inspectMail(plain(PHI), { pack });
  expect(findings.verdict).toBe("clean");
  const base = { pack: "test", rule: "t.phi", tier: "none", scope: { kind: "all" } };
  expect(findings.hits).toEqual([{ ...base, action: { kind: "pass" }, also: [{ kind: "tag", word: "t.phi" }] }]);
});

test("the order of parts does not change the verdict", async () => {
  const parts = [
    ["", PHI],
    ["Content-Type: text/html", "", "<p>hello"],
    ["", "HIV MRN 00482914"],
  ];
  const ways = [parts, parts.toReversed()];
  const [a, b] = await Promise.all(ways.map((way) => inspectMail(mixed(way))));
  expect(a?.hits).toEqual(b?.hits);
  expect(a?.findings.map((each) => each.valueHash).toSorted()).toEqual(
    b?.findings.map((each) => each.valueHash).toSorted(),
  );
});

test("no message makes inspection reject", async () => {
  const piece = fc.constantFrom(
    "--b0",
    "--b0--",
    "Content-Type: multipart/mixed; boundary=b0",
    "Content-Type: message/rfc822",
    "Content-Type: text/html; charset=x",
    "Content-Transfer-Encoding: base64",
    "Content-Transfer-Encoding: x",
    "",
    "Subject: =?x?B?!?=",
    "<b",
    "&#xfffff;",
    "AAAA",
    "\x00\xff",
    PHI,
    "Content-Type: application/pkcs7-mime",
    "-----BEGIN PGP MESSAGE-----",
    "begin 644 a",
    "Content-Type: text/csv",
    '"a,b',
    "Content-Type: image/png",
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 30 }), async (lines) => {
      const { verdict } = await inspectMail(lines);
      expect(["clean", "phi", "uninspectable", "protected"]).toContain(verdict);
    }),
    { numRuns: 150 },
  );
});
