import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { htmlToText } from "./html-text.ts";

describe("htmlToText", () => {
  test.each([
    ["inline tags join what they split", "12<b>3</b>-<span>45</span>", "123-45"],
    ["a comment does not split a word", "12<!-- x -->3", "123\nx"],
    ["entities are read", "a&amp;b &#49;&#x32;&nbsp;&eacute;", "a&b 12 é"],
    ["numeric entities need no semicolon", "&#49&#50", "12"],
    [
      "cells are parted by tabs, rows by lines",
      "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>",
      "a\tb\n\tc",
    ],
    ["script and style are dropped", "a<style>p{}</style>b<script>var x='<p>'</script>c", "abc"],
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
  ])("stays linear in repeated %s", (_, piece) => {
    const html = piece.repeat(Math.ceil(400_000 / piece.length));
    const started = performance.now();
    htmlToText(html);
    expect(performance.now() - started).toBeLessThan(1_500);
  });
});
