/**
 * What happens to a message's header section on its way out, and whether it is signed anew. Pure.
 * Promises: a signature of the sender's own domain that our change breaks is cut, others stay as they came; mail that
 * nothing changed keeps its signatures and gets none.
 */
import { domainToASCII } from "node:url";
import { isSameOrBelow, keyFor, readSignature } from "../../parts/dkim/sign.ts";
import type { DkimKey, DkimKeys, FoundSignature } from "../../parts/dkim/sign.ts";
import { addressesOf } from "../../parts/mime/addresses.ts";
import { planHeaderEdit } from "../../parts/mime/header-edit.ts";
import type { HeaderEdit, HeaderEditRules } from "../../parts/mime/header-edit.ts";
import { readHeaders, valuesOf } from "../../parts/mime/header-fields.ts";
import type { HeaderField } from "../../parts/mime/header-fields.ts";

export type HeaderPlan = {
  readonly edits: readonly HeaderEdit[];
  /** Sign with this; null: leave it unsigned, or signed as it came. */
  readonly key: DkimKey | null;
};

/** The same for every mail. */
export type HeaderRules = { readonly edit: HeaderEditRules; readonly keys: DkimKeys };

export type HeaderCase = {
  /** The body is converted: every signature over it breaks. */
  readonly bodyChanges: boolean;
  /** Postern wrote this mail. */
  readonly isOwn: boolean;
};

const NOTHING = Buffer.alloc(0);

export function planHeaders(header: Uint8Array, rules: HeaderRules, { bodyChanges, isOwn }: HeaderCase): HeaderPlan {
  const fields = readHeaders(header);
  const edits = isOwn ? [] : planHeaderEdit(header, fields, rules.edit);
  // What changes nothing breaks nothing.
  if (edits.length === 0 && !bodyChanges && !isOwn) return { edits, key: null };
  const domain = fromDomain(valuesOf(fields, "from"));
  const changed = new Set(edits.map((edit) => edit.name));
  const broken = signaturesOf(fields)
    .filter((signature) => isOwnDomain(signature, domain, rules.keys))
    .filter((signature) => bodyChanges || !changed.isDisjointFrom(signature.signedNames));
  const cuts = broken.map(({ start, end }) => ({ start, end, replacement: NOTHING, name: "dkim-signature" }));
  const signs = isOwn || bodyChanges || broken.length > 0;
  return {
    edits: mergeEdits(edits, cuts),
    key: signs && domain !== null ? keyFor(rules.keys, domain) : null,
  };
}

function signaturesOf(fields: readonly HeaderField[]): readonly FoundSignature[] {
  return fields.filter(({ name }) => name.toLowerCase() === "dkim-signature").map(readSignature);
}

function isOwnDomain(signature: FoundSignature, domain: string | null, keys: DkimKeys): boolean {
  if (domain !== null && isSameOrBelow(domain, signature.domain)) return true;
  return keys.has(signature.domain);
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
