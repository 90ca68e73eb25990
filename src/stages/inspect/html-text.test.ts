import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cpuMsOf } from "../../../test/support/cpu-time.ts";
import { htmlToText } from "./html-text.ts";

describe("htmlToText", () => {
  test.each([
    ["inline tags join what they split", "12<b>3</b>-<span>45</span>", "123-45"],
    [
      "what is shown as a block stands by itself, whatever it is",
      '<span style="display:block">a</span><a style="color:red; display: flex">b</a><i style="display:table-cell">c</i>',
      "a\nbc",
    ],
    ["a comment does not split a word", "12<!-- x -->3", "123\nx"],
    [
      "tags that stand there again are told again",
      '<p title="a">x</p><p title="a">y</p><img alt="b"><img alt="b">',
      "x\ny\nb b \na\na",
    ],
    [
      "also beside ones that tell nothing",
      '<a class="c">x</a><a class="c" title="t">y</a><a class="c">z</a>',
      "xyz\nt",
    ],
    [
      "tags again and again, one of them with a quoted >",
      '<p class="a>b">1</p><p class="a>b">2</p><p>3</p><p class="a>b">4</p>',
      "1\n2\n3\n4",
    ],
    [
      "a tag that stood there before ends at the next > once quotes are not trusted",
      "1</p c='a>b'>2</p c='a>b'>3<i x=\"></p c='a>b'>4",
      "1\n2\n3\nb'>4",
    ],
    ["entities are read", "a&amp;b &#49;&#x32;&nbsp;&eacute;", "a&b 12 é"],
    ["numeric entities need no semicolon", "&#49&#50", "12"],
    [
      "cells are parted by tabs, rows by lines",
      "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
      "a\tb\n\tc\n\na: c",
    ],
    [
      "cells follow their headings once more",
      "<table><tr><th>Name<th>MRN</tr><tr><td><p>Anna</p></td><td>00<b>48</b>2913</td></tr></table>",
      "Name\tMRN\n\t\nAnna\n\t00482913\n\nName: Anna\tMRN: 00482913",
    ],
    [
      "a table within a cell has headings of its own",
      "<table><tr><td><table><tr><td>Name<td>MRN<tr><td>Anna<td>7</table></table>",
      "Name\tMRN\n\tAnna\t7\n\nName: Anna\tMRN: 7",
    ],
    [
      "script and style split no words and are told aside",
      "a<style>p{}</style>b<script>var x='<p>'</script>c",
      "abc\np{}\nvar x='<p>'",
    ],
    ["a bogus comment ends at the first >, whatever its quotes", '<!x=">a<i y=">b', 'ab\nx="'],
    ["so does a processing instruction", '<?x=">a<i y=">b', 'ab\nx="'],
    ["an empty comment is empty", "1<!-->2<!--->3<!-- x -->4", "1234\nx"],
    ["a comment may end in --!>", "1<!-- x --!>2", "12\nx"],
    ["a comment in a comment is told", "<!-- <!-- x -->", "x"],
    ["an attribute behind a long one is read", `<img x="${"a".repeat(20_000)}" alt="b">`, "b"],
    ["labels, contents and data attributes are read", '<option label=a><meta content=b><p data-x="c">', "a\nb\nc"],
    ["zeros do not hide an entity", `&#x${"0".repeat(40)}31;&#${"0".repeat(40)}50;`, "12"],
    ["named invisible characters are invisible", "1&ZeroWidthSpace;2&NoBreak;3", "1\u200b2\u20603"],
    ["hidden text is kept", '<p style="display:none">x</p>', "x"],
    ["alt texts are kept in place", '<img alt="a &gt; b" src="x">c', "a > b c"],
    ["titles do not split words", '1<i title="t">2</i>3', "123\nt"],
    ["input values are read", '<input value="abc">', "abc "],
    ["a quoted > does not end a tag", '<a title="a > b">x</a>', "x\na > b"],
    ["a lone < is text", "1 < 2 <", "1 < 2 <"],
    ["line breaks of the source are spaces", "a\r\nb<br>c", "a b\nc"],
    ["an unclosed script is read as text", "<script>abc", "abc"],
    ["an unclosed tag loses no text", '<a title="x', '<a title="x'],
    ["an unclosed quote ends at the next >", '<a title="x>abc', "abc\nx"],
  ])("%s", (_, html, expected) => {
    expect(htmlToText(html).text.trim()).toBe(expected.trim());
  });

  test("collects the pictures shown inside the text", () => {
    const { contentIds } = htmlToText("<img src=\"cid:Logo%201@x\"><td background='cid:back@x'>");
    expect([...contentIds]).toEqual(["logo 1@x", "back@x"]);
  });

  test.each([
    ["an image", '<img src="data:image/png;base64,QUJD">', ["ABC"]],
    ["a link", "<a href='data:text/plain,a%20b'>x</a>", ["a b"]],
    ["a style sheet", "<style>p{background:url(data:text/plain,a)}</style>", ["a"]],
    ["an encoded name", '<img src="&#100;ata:;base64,QUJD">', ["ABC"]],
  ])("tells the file inside %s", (_, html, expected) => {
    expect(htmlToText(html).embedded?.map((file) => file.toString())).toEqual(expected);
  });

  test("more files than are looked at are told as such", () => {
    expect(htmlToText('<img src="data:,a">'.repeat(1_001)).embedded).toBeNull();
  });

  test("never throws", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "a",
      "<!--",
      "-->",
      '"',
      "'",
      "=",
      "<script",
      "</script>",
      "&#",
      "&",
      "<td",
      " ",
      "cid:%",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
        expect(typeof htmlToText(pieces.join("")).text).toBe("string");
      }),
    );
  });

  test.each([
    ["open tags", "<a "],
    ["quotes", '<a "'],
    ["quoted values", '<a b="'],
    ["scripts", "<script>"],
    ["comments", "<!--"],
    ["entities", "&#0000"],
    ["attributes", "<img alt= "],
    ["nested comments", "<!--<!--"],
    ["tags without an end", "<a"],
    ["bogus comments without an end", "<!"],
    ["data URLs", "<a href=data:,"],
  ])("stays linear in repeated %s", (_, piece) => {
    const html = piece.repeat(Math.ceil(1_000_000 / piece.length));
    expect(cpuMsOf(() => htmlToText(html))).toBeLessThan(1_500);
  });
});
