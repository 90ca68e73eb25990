/** A server's certificate as text: bounded, whatever it holds. */
import type { X509Certificate } from "node:crypto";

/** Far more than a mail server needs; some carry thousands. */
const NAMES_MAX = 50;
const TEXT_LENGTH_MAX = 300;

/** Of subjectAltName alone: the common name does not count. The runtime puts what would be ambiguous in quotes. */
export function namesOf({ subjectAltName }: Pick<X509Certificate, "subjectAltName">): readonly string[] {
  const entries = (subjectAltName ?? "").match(/(?:"(?:\\.|[^"\\])*"|[^,"])+/g) ?? [];
  return entries.slice(0, NAMES_MAX).map((entry) => bounded(entry.trim().replace(/^DNS:/, "")));
}

export function issuerOf({ issuer }: Pick<X509Certificate, "issuer">): string {
  return bounded((issuer ?? "").split("\n").toReversed().join(", "));
}

function bounded(text: string): string {
  return text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text;
}
