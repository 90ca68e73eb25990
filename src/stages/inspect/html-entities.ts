/**
 * Character references of HTML (WHATWG HTML section 13.5): numeric ones in full, the named ones mail really uses.
 * Promises: linear time; an unknown name stays as it stands. Pure.
 */

import type { Rewritable } from "./source/mapped-text.ts";

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
  ensp: " ",
  emsp: " ",
  thinsp: " ",
  shy: "\u00AD",
  zwnj: "\u200C",
  zwj: "\u200D",
  lrm: "\u200E",
  rlm: "\u200F",
  ndash: "-",
  mdash: "-",
  minus: "-",
  hyphen: "-",
  dash: "-",
  num: "#",
  colon: ":",
  comma: ",",
  period: ".",
  sol: "/",
  lpar: "(",
  rpar: ")",
  lowbar: "_",
  commat: "@",
  plus: "+",
  equals: "=",
  NewLine: "\n",
  Tab: "\t",
  ZeroWidthSpace: "\u200B",
  NegativeVeryThinSpace: "\u200B",
  NegativeThinSpace: "\u200B",
  NegativeMediumSpace: "\u200B",
  NegativeThickSpace: "\u200B",
  NoBreak: "\u2060",
  af: "\u2061",
  ApplyFunction: "\u2061",
  it: "\u2062",
  InvisibleTimes: "\u2062",
  ic: "\u2063",
  InvisibleComma: "\u2063",
  NonBreakingSpace: " ",
  emsp13: " ",
  emsp14: " ",
  numsp: " ",
  puncsp: " ",
  hairsp: " ",
  VeryThinSpace: " ",
  ThinSpace: " ",
  MediumSpace: " ",
  hellip: "...",
  bull: "*",
  middot: "·",
  lsquo: "'",
  rsquo: "'",
  sbquo: "'",
  ldquo: '"',
  rdquo: '"',
  bdquo: '"',
  laquo: "«",
  raquo: "»",
  copy: "©",
  reg: "®",
  trade: "™",
  deg: "°",
  plusmn: "±",
  micro: "µ",
  frac12: "½",
  sup2: "²",
  sup3: "³",
  times: "×",
  divide: "÷",
  euro: "€",
  pound: "£",
  cent: "¢",
  sect: "§",
  para: "¶",
  iexcl: "¡",
  iquest: "¿",
  szlig: "ß",
  aelig: "æ",
  AElig: "Æ",
  oslash: "ø",
  Oslash: "Ø",
};

/** Accented letters are a base letter and one of these endings. */
const ACCENTS: Readonly<Record<string, string>> = {
  acute: "\u0301",
  grave: "\u0300",
  circ: "\u0302",
  tilde: "\u0303",
  uml: "\u0308",
  ring: "\u030A",
  cedil: "\u0327",
  caron: "\u030C",
};

const REFERENCE = /&(?:#[xX]0{0,1000}([0-9a-fA-F]{1,6})|#0{0,1000}([0-9]{1,7})|([a-zA-Z][a-zA-Z0-9]{1,30}));?/g;

export function decodeEntities<T extends Rewritable<T>>(text: T): T {
  if (!String(text).includes("&")) return text;
  return text.replace(REFERENCE, (whole, hex?: string, decimal?: string, name?: string) => {
    if (name !== undefined) return named(name) ?? whole;
    const code = hex === undefined ? Number.parseInt(decimal ?? "", 10) : Number.parseInt(hex, 16);
    return code > 0x10ffff || code === 0 || (code >= 0xd800 && code <= 0xdfff) ? " " : String.fromCodePoint(code);
  });
}

function named(name: string): string | null {
  if (Object.hasOwn(NAMED, name)) return NAMED[name] ?? null;
  const ending = name.slice(1);
  return Object.hasOwn(ACCENTS, ending) ? `${name.slice(0, 1)}${ACCENTS[ending] ?? ""}`.normalize("NFC") : null;
}
