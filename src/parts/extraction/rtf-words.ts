/** What control words of RTF mean for its text (Rich Text Format 1.9.1). Tables only. */

/** Words that stand for characters. */
export const CHARACTERS: ReadonlyMap<string, string> = new Map([
  ["par", "\n"],
  ["line", "\n"],
  ["sect", "\n"],
  ["page", "\n"],
  ["column", "\n"],
  ["softline", "\n"],
  ["tab", "\t"],
  ["emdash", "—"],
  ["endash", "–"],
  ["bullet", "•"],
  ["lquote", "‘"],
  ["rquote", "’"],
  ["ldblquote", "“"],
  ["rdblquote", "”"],
  ["emspace", " "],
  ["enspace", " "],
  ["qmspace", " "],
]);

/** Destinations without text: tables of fonts and styles, and data in hexadecimal. */
export const WITHOUT_TEXT: ReadonlySet<string> = new Set(
  (
    "colortbl stylesheet themedata colorschememapping datastore latentstyles rsidtbl listtable listoverridetable " +
    "blipuid panose revtbl filetbl xmlnstbl mmathPr pgptbl wgrffmtfilter pict objdata"
  ).split(" "),
);

/** Destinations that stand within a paragraph and are no part of its sentence. */
export const DETACHED: ReadonlySet<string> = new Set(
  (
    "header headerl headerr headerf footer footerl footerr footerf footnote annotation fldinst info title subject author " +
    "manager company operator keywords category comment doccomm hlinkbase userprops propname staticval linkval bkmkstart " +
    "bkmkend atnid atnauthor atrfstart atrfend shptxt shpinst do dptxbxtext sp sn sv txe generator xe tc pntext listtext " +
    "nonshppict docvar formfield ffname ffdeftext ffhelptext ffstattext ffl"
  ).split(" "),
);

/** Code pages of font character sets; others keep the document's. */
export const CHARSETS: ReadonlyMap<number, string> = new Map([
  [0, "windows-1252"],
  [77, "macintosh"],
  [128, "shift_jis"],
  [129, "euc-kr"],
  [134, "gbk"],
  [136, "big5"],
  [161, "windows-1253"],
  [162, "windows-1254"],
  [163, "windows-1258"],
  [177, "windows-1255"],
  [178, "windows-1256"],
  [186, "windows-1257"],
  [204, "windows-1251"],
  [222, "windows-874"],
  [238, "windows-1250"],
]);
