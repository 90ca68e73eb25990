import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuMsOf } from "../../../test/support/cpu-time.ts";
import { htmlToText } from "./html-text.ts";
import { inspectMail } from "./inspect-mails.suite.ts";
import { normaliseText } from "./normalise.ts";
import { marksIn } from "./text-places.ts";

/** Each line of the text with its place. */
function placesOf(html: string): readonly string[] {
  const { text, markup } = htmlToText(html);
  const told = normaliseText(text);
  const marks = marksIn(told, markup?.());
  let start = 0;
  return told.split("\n").flatMap((line) => {
    const at = start;
    start += line.length + 1;
    const place = marks.find((mark) => mark.start <= at && at + line.length <= mark.end)?.place ?? "body";
    return line.trim() === "" ? [] : [`${line.trim()}: ${place}`];
  });
}

describe("the lines of an HTML text are told apart", () => {
  test.each<[string, string, readonly string[]]>([
    [
      "a reply of Gmail",
      '<div dir="ltr">yes</div><br><div class="gmail_quote"><div class="gmail_attr">On Mon A wrote:<br></div><blockquote class="gmail_quote"><div>asthma</div></blockquote></div>after',
      ["yes: body", "On Mon A wrote:: quoted", "asthma: quoted", "after: body"],
    ],
    [
      "a reply of Apple Mail",
      '<body>yes<blockquote type="cite"><div>On Mon, A wrote:</div><blockquote type=cite>x</blockquote>asthma</blockquote></body>',
      ["yes: body", "On Mon, A wrote:: quoted", "x: quoted", "asthma: quoted"],
    ],
    [
      "a reply of Outlook on the web",
      '<div>yes</div><hr><div id="divRplyFwdMsg" dir="ltr"><b>Von:</b> A<br><b>Gesendet:</b> Montag</div><div>asthma</div>',
      ["yes: body", "Von: A: quoted", "Gesendet: Montag: quoted", "asthma: quoted"],
    ],
    [
      "a reply of Outlook",
      "<p>yes</p><div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'><p><b>Von:</b> A</p></div></div><p>asthma</p>",
      ["yes: body", "Von: A: quoted", "asthma: quoted"],
    ],
    [
      "a header block by its text alone",
      "<p>yes</p><p><b>From:</b> A<br><b>Sent:</b> Monday<br><b>To:</b> B</p><p>asthma</p>",
      ["yes: body", "From: A: quoted", "Sent: Monday: quoted", "To: B: quoted", "asthma: quoted"],
    ],
    ["an answer below a quote", "<blockquote>a</blockquote><p>b</p>", ["a: quoted", "b: body"]],
    ["a quote that nothing closes", "a<blockquote>b<p>c", ["a: body", "b: quoted", "c: quoted"]],
    [
      "a signature of Gmail",
      '<div>hello</div><div class="gmail_signature"><div>Jane Doe</div><div>212-555-0147</div></div><div>more</div>',
      ["hello: body", "Jane Doe: signature", "212-555-0147: signature", "more: body"],
    ],
    [
      "no signature of nine lines",
      `<div class="gmail_signature">${"<div>x</div>".repeat(9)}</div>`,
      Array(9).fill("x: body"),
    ],
    ["no signature with a long line", `<div id="Signature">${"a".repeat(81)}</div>`, [`${"a".repeat(81)}: body`]],
    [
      "a closing before what nobody is shown",
      "<style>p{}</style><div>hello</div><div>Kind regards,</div><div>Jane</div><!-- asthma -->",
      ["hello: body", "Kind regards,: signature", "Jane: signature", "p{}: body", "asthma: body"],
    ],
    [
      "hidden text in a quote",
      '<blockquote><div style="display:none">asthma</div><img alt="x"></blockquote>',
      ["asthma: quoted", "x: quoted"],
    ],
    [
      "lines that come and go when the text is read",
      "a<div>&#8203;</div><div>b&#x2028;c&#29;d</div><blockquote>e</blockquote>f",
      ["a: body", "b: body", "c: body", "d: body", "e: quoted", "f: body"],
    ],
  ])("%s", (_, html, expected) => {
    expect(placesOf(html)).toEqual(expected);
  });

  test("what is quoted in the markup, and nothing else, is marked, whatever the text", () => {
    const word = fc.constantFrom(
      "a",
      "&#10;",
      "&#8203;",
      " ",
      "\n",
      "<b>c</b>",
      "&nbsp;",
      "&#x2029;",
      "<p>",
      "<br>",
      "é",
      "\t",
    );
    const words = fc.array(word, { maxLength: 6 }).map((each) => each.join(""));
    fc.assert(
      fc.property(fc.array(fc.tuple(words, words), { maxLength: 5 }), (blocks) => {
        const html = blocks.map(([plain, quoted]) => `<p>${plain}U<blockquote>${quoted}Q</blockquote>`).join("");
        const lines = placesOf(html);
        expect(lines.filter((line) => line.includes("U") && !line.endsWith(": body"))).toEqual([]);
        expect(lines.filter((line) => line.includes("Q") && !line.endsWith(": quoted"))).toEqual([]);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    "<blockquote>",
    "<div class=gmail_quote>a</div>",
    "<div class=gmail_quote>",
    "<blockquote>a</blockquote>b",
  ])("a megabyte of %j is quick", (piece) => {
    const html = piece.repeat(1_000_000 / piece.length);
    expect(cpuMsOf(() => marksIn(htmlToText(html).text, htmlToText(html).markup?.()))).toBeLessThan(2_000);
  });
});

test("rules see the places of an HTML body, and quoted text counts unless a rule says otherwise", async () => {
  const html = "<p>see below</p><blockquote>MRN 1234567 diabetes</blockquote>";
  const mail = ["Subject: x", "Content-Type: text/html", "", html];
  const pack = (more: string): string => `version: 1
pack: p
detectors:
  - { id: t.mrn, type: label_id, classes: [identifier], labels: [mrn], value: '\\d{7}' }
rules:
  - { id: t.phi, action: protect, when: { class: identifier${more} } }
`;
  expect((await inspectMail(mail, { pack: pack("") })).verdict).toBe("phi");
  expect((await inspectMail(mail, { pack: pack(", scope: [quoted]") })).verdict).toBe("phi");
  expect((await inspectMail(mail, { pack: pack(", not_in: [quoted]") })).verdict).toBe("clean");
});
