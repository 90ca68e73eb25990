/**
 * What happens to a message's header section on its way out, and whether it is signed anew. Pure.
 * Promises: a signature of the sender's own domain that our change breaks is cut, others stay as they came; mail that
 * nothing changed keeps its signatures and gets none.
 */
import { domainToASCII } from "node:url";
import { isSameOrBelow, keyFor, readSignature } from "../../parts/dkim/sign.ts";
import type { DkimKey, FoundSignature } from "../../parts/dkim/sign.ts";
import { addressesOf } from "../../parts/mime/addresses.ts";
import { planHeaderEdit } from "../../parts/mime/header-edit.ts";
import type { HeaderEdit, HeaderEditOptions } from "../../parts/mime/header-edit.ts";
import { readHeaders, valuesOf } from "../../parts/mime/header-fields.ts";

export type HeaderPlan = {
  readonly edits: readonly HeaderEdit[];
  /** Sign with this; null: leave it unsigned, or signed as it came. */
  readonly key: DkimKey | null;
};

export type HeaderPlanOptions = {
  readonly edit: HeaderEditOptions;
  readonly keys: readonly DkimKey[];
  /** The body is converted: every signature over it breaks. */
  readonly bodyChanges: boolean;
  /** Postern wrote this mail. */
  readonly isOwn: boolean;
};

const NOTHING = Buffer.alloc(0);

export function planHeaders(header: Uint8Array, options: HeaderPlanOptions): HeaderPlan {
  const edits = options.isOwn ? [] : planHeaderEdit(header, options.edit);
  const fields = readHeaders(header);
  const domain = fromDomain(valuesOf(fields, "from"));
  const changed = new Set(edits.map((edit) => edit.name));
  const broken = fields
    .filter((field) => field.name.toLowerCase() === "dkim-signature")
    .map(readSignature)
    .filter((signature) => isOwnDomain(signature, domain, options.keys))
    .filter((signature) => options.bodyChanges || [...signature.signedNames].some((name) => changed.has(name)));
  const cuts = broken.map(({ start, end }) => ({ start, end, replacement: NOTHING, name: "dkim-signature" }));
  const signs = options.isOwn || options.bodyChanges || broken.length > 0;
  return {
    edits: mergeEdits(edits, cuts),
    key: signs && domain !== null ? keyFor(options.keys, domain) : null,
  };
}

function isOwnDomain(signature: FoundSignature, domain: string | null, keys: readonly DkimKey[]): boolean {
  if (domain !== null && isSameOrBelow(domain, signature.domain)) return true;
  return keys.some((key) => key.domain.toLowerCase() === signature.domain);
}

/** The one domain the message says it is from; null where it says several or none. */
function fromDomain(values: readonly string[]): string | null {
  const addresses = values.flatMap((value) => addressesOf(value, 2));
  const [address] = addresses;
  if (address === undefined || addresses.length > 1) return null;
  return domainToASCII(address.slice(address.lastIndexOf("@") + 1)).toLowerCase() || null;
}

function mergeEdits(edits: readonly HeaderEdit[], cuts: readonly HeaderEdit[]): readonly HeaderEdit[] {
  const taken = new Set(edits.map((edit) => edit.start));
  return [...edits, ...cuts.filter((cut) => !taken.has(cut.start))].toSorted((a, b) => a.start - b.start);
}
