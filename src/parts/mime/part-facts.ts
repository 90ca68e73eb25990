/**
 * What one part's header section says about its body (RFC 2045, RFC 2046, RFC 2183).
 * Promises: never throws; everything readers are known to disagree on becomes a defect. Leaves the body alone.
 */
import type { MimeDefect, TransferEncoding } from "../../core/mime-structure.ts";
import { decodeWords, readHeaderSection, valuesOf } from "./header-fields.ts";
import { parseParameterised, withoutComments } from "./header-params.ts";
import type { ParameterisedValue } from "./header-params.ts";

export type PartFacts = {
  readonly contentType: string;
  readonly charset: string | null;
  readonly encoding: TransferEncoding;
  readonly disposition: "inline" | "attachment" | null;
  readonly filename: string | null;
  readonly parameters: Readonly<Record<string, string>>;
  /** Boundary to look for; null where the part is no multipart or names none that can be used. */
  readonly boundary: string | null;
  readonly defects: readonly MimeDefect[];
};

const FILENAME_CHARS_MAX = 255;
const PARAMETER_CHARS_MAX = 255;
/** RFC 2046 section 5.1.1 says 70; writers that pass it exist. */
export const BOUNDARY_BYTES_MAX = 256;

const KEPT_PARAMETERS = [
  "protocol",
  "smime-type",
  "report-type",
  "name",
  "micalg",
  "format",
  "delsp",
  "type",
  "method",
];
const NO_DISPOSITION = parseParameterised("");
const ENCODINGS: readonly string[] = ["7bit", "8bit", "binary", "base64", "quoted-printable"];
const IDENTITY: readonly TransferEncoding[] = ["7bit", "8bit", "binary"];
const TYPE = /^[a-z0-9!#$&^_.+-]+\/[a-z0-9!#$&^_.+-]+$/;

/** True where the bytes of the body are the content itself. */
export function isIdentity(encoding: TransferEncoding): boolean {
  return IDENTITY.includes(encoding);
}

/** True for the types whose body is a message of its own (RFC 2046 section 5.2.1, RFC 6532 section 3.7). */
export function isEmbeddedMessage(contentType: string): boolean {
  return contentType === "message/rfc822" || contentType === "message/global";
}

/** `defaultType` is `text/plain`, or `message/rfc822` in a multipart/digest. */
export function readPartFacts(header: Uint8Array, defaultType: string): PartFacts {
  const { fields, isMalformed } = readHeaderSection(header);
  const defects = new Set<MimeDefect>();
  if (isMalformed) defects.add("malformed_header");
  const types = valuesOf(fields, "content-type");
  const encodings = valuesOf(fields, "content-transfer-encoding");
  const dispositions = valuesOf(fields, "content-disposition");
  if (types.length > 1 || encodings.length > 1 || dispositions.length > 1) defects.add("duplicate_content_header");

  const type = parseParameterised(types[0] ?? defaultType);
  const disposition = dispositions[0] === undefined ? NO_DISPOSITION : parseParameterised(dispositions[0]);
  const contentType = readType(type.value, defects);
  const encoding = readEncoding(encodings[0] ?? "7bit");
  if (encoding === "unknown") defects.add("unknown_encoding");
  if (type.duplicates.has("boundary") || type.duplicates.has("charset")) defects.add("duplicate_content_header");
  if (type.isBroken) defects.add("unreadable_content_type");
  return {
    contentType,
    charset: readCharset(type),
    encoding,
    disposition: readDisposition(disposition.value),
    filename: readFilename(type, disposition),
    parameters: keptParameters(type),
    boundary: contentType.startsWith("multipart/") ? readBoundary(type, encoding, defects) : null,
    defects: [...defects],
  };
}

function readType(value: string, defects: Set<MimeDefect>): string {
  if (TYPE.test(value)) return value;
  const compact = value.replace(/\s*\/\s*/, "/");
  if (TYPE.test(compact)) return compact;
  defects.add("unreadable_content_type");
  return "application/octet-stream";
}

function readEncoding(value: string): TransferEncoding {
  const token = withoutComments(value).trim().toLowerCase();
  if (token === "") return "7bit";
  return ENCODINGS.includes(token) ? (token as TransferEncoding) : "unknown";
}

function readCharset(type: ParameterisedValue): string | null {
  const charset = type.parameters.get("charset")?.trim().split(/\s/)[0]?.toLowerCase() ?? "";
  return charset === "" ? null : charset.slice(0, PARAMETER_CHARS_MAX);
}

/** Anything but `inline` is treated as `attachment` (RFC 2183 section 2.8). */
function readDisposition(value: string): "inline" | "attachment" | null {
  if (value === "") return null;
  return value === "inline" ? "inline" : "attachment";
}

function readFilename(type: ParameterisedValue, disposition: ParameterisedValue): string | null {
  const raw = disposition.parameters.get("filename") ?? type.parameters.get("name");
  if (raw === undefined || raw === "") return null;
  return decodeWords(raw).slice(0, FILENAME_CHARS_MAX);
}

function keptParameters(type: ParameterisedValue): Readonly<Record<string, string>> {
  const kept: Record<string, string> = {};
  for (const name of KEPT_PARAMETERS) {
    const value = type.parameters.get(name);
    if (value !== undefined) kept[name] = decodeWords(value).slice(0, PARAMETER_CHARS_MAX);
  }
  return kept;
}

function readBoundary(type: ParameterisedValue, encoding: TransferEncoding, defects: Set<MimeDefect>): string | null {
  // A multipart may not be encoded (RFC 2045 section 6.4); some readers decode it first, others do not.
  if (!isIdentity(encoding)) defects.add("unknown_encoding");
  if (type.damaged.has("boundary")) defects.add("unreadable_content_type");
  // Trailing white space is not part of a boundary: it cannot be told from padding.
  const boundary = (type.parameters.get("boundary") ?? "").trimEnd();
  if (boundary === "" || Buffer.byteLength(boundary) > BOUNDARY_BYTES_MAX) {
    defects.add("missing_boundary");
    return null;
  }
  return boundary;
}
