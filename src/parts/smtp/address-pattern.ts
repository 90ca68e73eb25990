/** Reads what an operator writes for whom a rule concerns into the form core/address-pattern.ts compares. */
import { domainToASCII } from "node:url";
import { NULL_SENDER, plainLocalPart } from "../../core/address-pattern.ts";

const DOMAIN = /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})+$/;
/** Such as `.gov`: one label is enough. */
const BELOW = /^(?!-)[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*$/;

/** What is wrong with a pattern that is none. */
export const NO_ADDRESS_PATTERN =
  "is no address or domain; write nurse@example.org, example.org or .example.org (all below it)";

/** Whether a pattern stands for people one can know: not for the null sender, nor for all below a top level domain. */
export function namesSomebody(pattern: string): boolean {
  return pattern !== NULL_SENDER && !/^\.[^.]+$/.test(pattern);
}

/** null: it is none. */
export function readAddressPattern(text: string): string | null {
  if (text === NULL_SENDER) return text;
  const lower = text.toLowerCase().replace(/\.$/, "");
  const at = lower.lastIndexOf("@");
  if (at === 0 || /[\s<>,;"*]/.test(lower)) return null;
  const local = lower.slice(0, Math.max(0, at));
  const dot = at < 0 && lower.startsWith(".") ? "." : "";
  const domain = domainToASCII(lower.slice(at < 0 ? dot.length : at + 1));
  if (!(dot === "." ? BELOW : DOMAIN).test(domain)) return null;
  return at < 0 ? `${dot}${domain}` : `${plainLocalPart(local)}@${domain}`;
}
