/**
 * Fields as programs write them, in JSON, settings, links, logs and code, told as a person would write them:
 * `"medicalRecordNumber":["00482913"` is `medical Record Number: 00482913`, for the label detectors.
 * Promises: linear time; at most `charsMax` characters; an empty text where no key needs it. Pure.
 */

/** A key in quotes, or one of several words in one. */
const FIELD =
  /(?:(["'])([A-Za-z_][\w.-]{0,60})\1|(?<![\w.-])([a-z][a-z0-9]{0,30}(?:[A-Z][a-z0-9]{0,30}){1,8}))\s{0,4}[:=]/g;
const OPENING = /^[\s[{("']{1,200}/;
/** What closes a value, and what stands between it and the next one. */
const BETWEEN_VALUES = /["']?\s{0,4}(?:[\]}),;&]\s{0,4}){1,8}["']?|["']$/g;
const TAIL = /[\s,]{1,1000}$/;
const VALUE_CHARS_MAX = 1_000;
const HAS_FIELD = /["'][A-Za-z_][\w.-]{0,60}["']\s{0,4}:|[a-z][A-Z][A-Za-z0-9]{0,60}\s{0,4}[:=]/;
const HUMP = /([a-z0-9])([A-Z])/g;

export function fieldsIn(text: string, charsMax: number): string {
  if (!HAS_FIELD.test(text)) return "";
  const lines: string[] = [];
  let chars = 0;
  let label = "";
  let from = 0;
  const tell = (until: number): void => {
    const value = label === "" ? "" : valueOf(text.slice(from, Math.min(until, from + VALUE_CHARS_MAX)));
    if (!/[\p{L}\p{N}]/u.test(value)) return;
    const line = `${label}: ${value}`;
    chars += line.length + 1;
    if (chars <= charsMax) lines.push(line);
  };
  for (const found of text.matchAll(FIELD)) {
    tell(found.index);
    if (chars > charsMax) break;
    label = labelOf(found[2] ?? found[3] ?? "");
    from = found.index + found[0].length;
  }
  tell(text.length);
  return lines.join("\n");
}

function valueOf(raw: string): string {
  return raw.replace(OPENING, "").split("\n", 1)[0]?.replace(BETWEEN_VALUES, ", ").replace(TAIL, "") ?? "";
}

/** `patientMRN` and `last_name` as words. */
export function labelOf(key: string): string {
  return key
    .replace(HUMP, "$1 $2")
    .replaceAll(/[_.-]+/g, " ")
    .trim();
}
