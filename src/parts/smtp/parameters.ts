/**
 * ESMTP parameters of MAIL and RCPT (RFC 5321 section 4.1.2; RFC 1870, 3461, 4954, 6152, 6531, 6533, 8689).
 * Promises: never throws; what a parameter says is decoded once, here. Which extensions are in force is the caller's.
 */
import type { BodyType, DsnNotify, EnvelopeRecipient } from "../../core/envelope.ts";
import { decodeXtext } from "./xtext.ts";

/** RFC 3461 sections 4.2 and 4.4: octets of the decoded text. */
const ENVID_LENGTH_MAX = 100;
const ORCPT_LENGTH_MAX = 500;

export type ParameterProblem =
  /** The keyword is none of the extensions in force: 555. */
  | { readonly kind: "unknown"; readonly keyword: string }
  /** The value, or the parameter list itself, is malformed, or a keyword came twice: 501. */
  | { readonly kind: "malformed"; readonly keyword: string };

export type MailParameters = {
  readonly kind: "parameters";
  /** SIZE= (RFC 1870); null where the client said nothing. */
  readonly sizeBytes: number | null;
  readonly body: BodyType;
  readonly smtpUtf8: boolean;
  readonly requireTls: boolean;
  readonly ret: "full" | "hdrs" | null;
  readonly envid: string | null;
};

export type RcptParameters = {
  readonly kind: "parameters";
  readonly notify: DsnNotify | null;
  readonly orcpt: EnvelopeRecipient["orcpt"];
};

/** `supported` holds upper-case keywords in force on this session. */
export function parseMailParameters(text: string, supported: ReadonlySet<string>): MailParameters | ParameterProblem {
  const list = parseList(text, supported);
  if (list.kind !== "list") return list;
  const { values } = list;
  const size = values.get("SIZE");
  if (size !== undefined && (size === null || !/^[0-9]{1,20}$/.test(size))) return malformed("SIZE");
  const body = oneOf(values.get("BODY"), ["7bit", "8bitmime"] as const);
  if (body === "malformed") return malformed("BODY");
  const ret = oneOf(values.get("RET"), ["full", "hdrs"] as const);
  if (ret === "malformed") return malformed("RET");
  for (const flag of ["SMTPUTF8", "REQUIRETLS"]) if (typeof values.get(flag) === "string") return malformed(flag);
  // RFC 4954 section 5: AUTH= is read and, coming from a submitter that is trusted to relay only, not passed on.
  const auth = values.get("AUTH");
  if (auth !== undefined && (auth === null || decodeXtext(auth) === null)) return malformed("AUTH");
  const envid = decodeEnvid(values.get("ENVID"));
  if (envid === "malformed") return malformed("ENVID");
  return {
    kind: "parameters",
    sizeBytes: size === undefined ? null : Number(size),
    body: body ?? "7bit",
    smtpUtf8: values.has("SMTPUTF8"),
    requireTls: values.has("REQUIRETLS"),
    ret,
    envid: envid?.text ?? null,
  };
}

export function parseRcptParameters(text: string, supported: ReadonlySet<string>): RcptParameters | ParameterProblem {
  const list = parseList(text, supported);
  if (list.kind !== "list") return list;
  const notify = parseNotify(list.values.get("NOTIFY"));
  if (notify === "malformed") return malformed("NOTIFY");
  const orcpt = parseOrcpt(list.values.get("ORCPT"));
  if (orcpt === "malformed") return malformed("ORCPT");
  return { kind: "parameters", notify, orcpt };
}

type ParameterList = { readonly kind: "list"; readonly values: ReadonlyMap<string, string | null> };

function parseList(text: string, supported: ReadonlySet<string>): ParameterList | ParameterProblem {
  const values = new Map<string, string | null>();
  for (const word of text.split(" ")) {
    if (word === "") continue;
    const match = /^([A-Za-z0-9][A-Za-z0-9-]*)(?:=([\x21-\x3c\x3e-\x7e\u{80}-\u{10ffff}]+))?$/u.exec(word);
    const keyword = match?.[1]?.toUpperCase();
    if (keyword === undefined) return malformed("");
    if (!supported.has(keyword)) return { kind: "unknown", keyword };
    if (values.has(keyword)) return malformed(keyword);
    values.set(keyword, match?.[2] ?? null);
  }
  return { kind: "list", values };
}

function oneOf<T extends string>(value: string | null | undefined, allowed: readonly T[]): T | null | "malformed" {
  if (value === undefined) return null;
  return allowed.find((word) => word === value?.toLowerCase()) ?? "malformed";
}

function decodeEnvid(value: string | null | undefined): { readonly text: string } | null | "malformed" {
  if (value === undefined) return null;
  const text = value === null ? null : decodeXtext(value);
  return text === null || text === "" || text.length > ENVID_LENGTH_MAX ? "malformed" : { text };
}

function parseNotify(value: string | null | undefined): DsnNotify | null | "malformed" {
  if (value === undefined) return null;
  const words = (value ?? "").toLowerCase().split(",");
  if (words.length === 1 && words[0] === "never") return ["never"];
  const asked: ("success" | "failure" | "delay")[] = [];
  for (const word of words) {
    if (word !== "success" && word !== "failure" && word !== "delay") return "malformed";
    if (asked.includes(word)) return "malformed";
    asked.push(word);
  }
  return asked;
}

function parseOrcpt(value: string | null | undefined): EnvelopeRecipient["orcpt"] | "malformed" {
  if (value === undefined) return null;
  const match = /^([A-Za-z0-9-]{1,40});(.+)$/su.exec(value ?? "");
  if (match === null || value === null || value.length > ORCPT_LENGTH_MAX) return "malformed";
  const type = (match[1] ?? "").toLowerCase();
  const address = type === "utf-8" ? decodeUtf8Address(match[2] ?? "") : decodeXtext(match[2] ?? "");
  return address === null || address === "" ? "malformed" : { type, address };
}

/** RFC 6533 section 3: `\x{HEX}` stands for a character; over SMTPUTF8 characters may also stand for themselves. */
function decodeUtf8Address(text: string): string | null {
  let isValid = !/[+=]/.test(text);
  const decoded = text.replace(/\\x\{([0-9A-F]{2,6})\}|\\/g, (_, hex: string | undefined) => {
    const codePoint = hex === undefined ? -1 : parseInt(hex, 16);
    isValid &&= codePoint >= 0 && codePoint <= 0x10ffff && (codePoint < 0xd800 || codePoint > 0xdfff);
    return isValid ? String.fromCodePoint(codePoint) : "";
  });
  return isValid && !/\p{Cc}/u.test(decoded) ? decoded : null;
}

function malformed(keyword: string): ParameterProblem {
  return { kind: "malformed", keyword };
}
