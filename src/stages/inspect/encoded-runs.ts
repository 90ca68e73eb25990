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

/** A run begins no word of a natural language, and goes on over lines of nothing else. */
const RUN = /(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{24,}(?:\r?\n[A-Za-z0-9+/]{4,}(?![A-Za-z0-9+/ .,:;!?']))*/g;
const LINE_BREAKS = /[\r\n]+/g;
const RUNS_MAX = 10_000;
/** Shorter than any archive or document; a digest may begin like one by chance. */
const CONTAINER_BYTES_MIN = 64;
const STRANGE = /[\0-\x08\x0e-\x1f\x7f]/; // oxlint-disable-line no-control-regex
const NOTHING: EncodedRuns = { texts: [], containers: [], isWhole: true };

export function encodedRunsOf(text: string): EncodedRuns {
  const texts: string[] = [];
  const containers: Buffer[] = [];
  let runs = 0;
  for (const [run] of text.matchAll(RUN)) {
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

/** Its last bytes may be made of what stands behind the run. */
function textOf(bytes: Buffer): string | null {
  const isWide = bytes[1] === 0 && bytes[3] === 0 && bytes[5] === 0;
  const whole = isWide ? bytes.toString("utf16le") : isUtf8(bytes) ? bytes.toString("utf8") : null;
  return whole === null || STRANGE.test(whole) ? null : whole;
}
