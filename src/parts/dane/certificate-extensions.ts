/**
 * The X.509 extensions of a certificate that the runtime does not show (RFC 5280 section 4.2), read from its DER.
 * Promises: bounds are checked at every length, and whatever does not read as it should gives null, never a part of the list.
 */

export type CertificateExtension = {
  /** In dots, such as 2.5.29.30. */
  readonly oid: string;
  readonly isCritical: boolean;
  readonly value: Uint8Array;
};

type Element = { readonly tag: number; readonly content: Uint8Array };

const SEQUENCE = 0x30;
const OBJECT_IDENTIFIER = 0x06;
const BOOLEAN = 0x01;
const INTEGER = 0x02;
const OCTET_STRING = 0x04;
const EXTENSIONS_FIELD = 0xa3;
const EXTENSIONS_MAX = 64;

/** null where the certificate cannot be read to its end. */
export function extensionsOf(der: Uint8Array): readonly CertificateExtension[] | null {
  const [certificate] = elementsIn(der) ?? [];
  const [body] = childrenOf(certificate, SEQUENCE) ?? [];
  const fields = childrenOf(body, SEQUENCE);
  if (fields === null) return null;
  const field = fields.find(({ tag }) => tag === EXTENSIONS_FIELD);
  if (field === undefined) return [];
  const [list] = elementsIn(field.content) ?? [];
  const elements = childrenOf(list, SEQUENCE);
  if (elements === null || elements.length > EXTENSIONS_MAX) return null;
  const extensions = elements.map(extensionOf);
  return extensions.every((extension) => extension !== null) ? extensions : null;
}

/**
 * How many certificates of authorities may stand between this one and the leaf (RFC 5280 section 4.2.1.9), from the value of
 * its basicConstraints; Infinity where it sets no limit, null where the value cannot be read.
 */
export function pathLengthIn(basicConstraints: Uint8Array): number | null {
  const [sequence] = elementsIn(basicConstraints) ?? [];
  const parts = childrenOf(sequence, SEQUENCE);
  if (parts === null) return null;
  const limit = parts.find(({ tag }) => tag === INTEGER);
  if (limit === undefined) return Infinity;
  const [length, ...more] = limit.content;
  return length === undefined || more.length > 0 || length > 0x7f ? null : length;
}

function extensionOf(element: Element): CertificateExtension | null {
  const parts = childrenOf(element, SEQUENCE);
  if (parts === null || parts.length < 2 || parts.length > 3) return null;
  const [oid, critical] = parts;
  const value = parts.at(-1);
  if (oid?.tag !== OBJECT_IDENTIFIER || value?.tag !== OCTET_STRING) return null;
  if (parts.length === 3 && critical?.tag !== BOOLEAN) return null;
  const isCritical = parts.length === 3 && critical?.content.some((octet) => octet !== 0) === true;
  const dotted = dottedOf(oid.content);
  return dotted === null ? null : { oid: dotted, isCritical, value: value.content };
}

function childrenOf(element: Element | undefined, tag: number): readonly Element[] | null {
  return element?.tag === tag ? elementsIn(element.content) : null;
}

/** All elements side by side in `bytes`; null where they do not fill them exactly. */
function elementsIn(bytes: Uint8Array): readonly Element[] | null {
  const elements: Element[] = [];
  let at = 0;
  while (at < bytes.length) {
    const tag = bytes[at];
    const length = lengthAt(bytes, at + 1);
    if (tag === undefined || length === null || length.end > bytes.length) return null;
    elements.push({ tag, content: bytes.subarray(length.start, length.end) });
    at = length.end;
  }
  return elements;
}

function lengthAt(bytes: Uint8Array, at: number): { readonly start: number; readonly end: number } | null {
  const first = bytes[at];
  if (first === undefined) return null;
  if (first < 0x80) return { start: at + 1, end: at + 1 + first };
  const octets = first & 0x7f;
  const start = at + 1 + octets;
  if (octets === 0 || octets > 3 || start > bytes.length) return null;
  const length = bytes.subarray(at + 1, start).reduce((sum, octet) => sum * 256 + octet, 0);
  return { start, end: start + length };
}

function dottedOf(content: Uint8Array): string | null {
  const arcs: number[] = [];
  let arc = 0;
  for (const octet of content) {
    arc = arc * 128 + (octet & 0x7f);
    if (arc > Number.MAX_SAFE_INTEGER / 256) return null;
    if (octet >= 0x80) continue;
    arcs.push(arc);
    arc = 0;
  }
  const [head, ...rest] = arcs;
  if (head === undefined || (content.at(-1) ?? 0x80) >= 0x80) return null;
  const first = Math.min(Math.floor(head / 40), 2);
  return [first, head - 40 * first, ...rest].join(".");
}
