/**
 * Base64 that stands in a text by itself: source of a mail, a certificate, a value of JSON or XML, a paste.
 * Promises: linear time; what decodes to text is told, what decodes to a file that is read elsewhere is given, anything else (keys,
 * digests, pictures) is left. Pure.
 */
import { isUtf8 } from "node:buffer";
import { contentKindOf, hasReader } from "../../parts/extraction/content-kind.ts";

export type EncodedRuns = {
  readonly texts: readonly string[];
  readonly containers: readonly Buffer[];
  /** False where there are more runs than are decoded. */
  readonly isWhole: boolean;
};

/** Longer than nearly every word of a natural language. */
const RUN_CHARS_MIN = 24;
/** A shorter line is none that a run goes on with, and one that ends like a sentence neither. */
const LINE_CHARS_MIN = 4;
const PROSE = " .,:;!?'";
const LINE_BREAKS = /[\r\n]+/g;
const RUNS_MAX = 10_000;
/** Shorter than any archive or document; a digest may begin like one by chance. */
const CONTAINER_BYTES_MIN = 64;
const STRANGE = /[\0-\x08\x0e-\x1f\x7f]/; // oxlint-disable-line no-control-regex
/** 1 for each ASCII code of the alphabet of base64. */
const OF_BASE64 = new Uint8Array(128);
for (let code = 0; code < 128; code += 1) OF_BASE64[code] = /[A-Za-z0-9+/]/.test(String.fromCharCode(code)) ? 1 : 0;
const NOTHING: EncodedRuns = { texts: [], containers: [], isWhole: true };

export function encodedRunsOf(text: string): EncodedRuns {
  const texts: string[] = [];
  const containers: Buffer[] = [];
  let runs = 0;
  let end = 0;
  for (let start = runFrom(text, 0); start >= 0; start = runFrom(text, end)) {
    end = runTo(text, start);
    const run = text.slice(start, end);
    runs += 1;
    if (runs > RUNS_MAX) break;
    const bytes = Buffer.from(run.replace(LINE_BREAKS, ""), "base64");
    const shown = textOf(bytes);
    if (shown !== null) texts.push(shown);
    else if (bytes.length >= CONTAINER_BYTES_MIN && hasReader(contentKindOf(bytes))) containers.push(bytes);
  }
  if (texts.length === 0 && containers.length === 0 && runs <= RUNS_MAX) return NOTHING;
  return { texts: texts.length === 0 ? [] : [texts.join("\n")], containers, isWhole: runs <= RUNS_MAX };
}

/**
 * Where the next run begins, at `from` or behind it; -1: nowhere. Looks at the last character of the shortest run there could be,
 * and then backwards, so that in a natural language most characters are never looked at. No run reaches over `from`.
 */
export function runFrom(text: string, from: number): number {
  let start = from;
  while (start + RUN_CHARS_MIN <= text.length) {
    let at = start + RUN_CHARS_MIN - 1;
    while (at >= start && OF_BASE64[text.charCodeAt(at)] === 1) at -= 1;
    if (at < start) return start;
    start = at + 1;
  }
  return -1;
}

/** Where the run that begins there ends: it goes on over lines of nothing else. No pattern: one may be as long as the text. */
function runTo(text: string, start: number): number {
  let end = lettersTo(text, start);
  for (;;) {
    const line = text.startsWith("\r\n", end) ? end + 2 : text.startsWith("\n", end) ? end + 1 : text.length;
    const next = lettersTo(text, line);
    if (next - line < LINE_CHARS_MIN || (next < text.length && PROSE.includes(text.charAt(next)))) return end;
    end = next;
  }
}

function lettersTo(text: string, from: number): number {
  let at = from;
  while (OF_BASE64[text.charCodeAt(at)] === 1) at += 1;
  return at;
}

/** Its last bytes may be made of what stands behind the run. */
function textOf(bytes: Buffer): string | null {
  const isWide = bytes[1] === 0 && bytes[3] === 0 && bytes[5] === 0;
  const whole = isWide ? bytes.toString("utf16le") : isUtf8(bytes) ? bytes.toString("utf8") : null;
  return whole === null || STRANGE.test(whole) ? null : whole;
}
