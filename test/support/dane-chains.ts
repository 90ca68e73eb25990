/** Chains of certificates that a path builder must tell apart, all made out for one host, and what is to be said of each. */
import type { Request } from "./peers-issuer.ts";

export const HOST = "mx.dane.test";
const CA = "basicConstraints=critical,CA:TRUE";
const NAMED = `subjectAltName=DNS:${HOST}`;
const NO_KEY_IDS = ["subjectKeyIdentifier=none", "authorityKeyIdentifier=none"];
/** `sha1` and `weak` are issuers as good as the others but for hash and key. */
export const REQUESTS: readonly Request[] = [
  { name: "root", extensions: [CA, "keyUsage=keyCertSign"] },
  { name: "flat", by: "root", extensions: [`${CA},pathlen:0`] },
  { name: "below-flat", by: "flat", extensions: [CA] },
  { name: "narrow", by: "root", extensions: [CA, "nameConstraints=permitted;DNS:dane.test"] },
  { name: "strange", by: "root", extensions: [CA, "1.2.3.4=critical,DER:0500"] },
  { name: "odd", by: "root", extensions: [CA, "1.2.3.4=DER:0500"] },
  { name: "no-signer", by: "root", extensions: [CA, "keyUsage=digitalSignature"] },
  { name: "client-only", by: "root", extensions: [CA, "extendedKeyUsage=clientAuth"] },
  { name: "brief", by: "root", extensions: [CA], days: 1 },
  { name: "sha1", by: "root", extensions: [CA], digest: "sha1" },
  { name: "weak", by: "root", extensions: [CA], key: "rsa:1024" },
  ...[
    "root",
    "flat",
    "below-flat",
    "narrow",
    "strange",
    "odd",
    "no-signer",
    "client-only",
    "brief",
    "sha1",
    "weak",
  ].map((by) => ({ name: `leaf-of-${by}`, by, extensions: [NAMED] })),
  { name: "client-leaf", by: "root", extensions: [NAMED, "extendedKeyUsage=clientAuth"] },
  { name: "server-leaf", by: "root", extensions: [NAMED, "extendedKeyUsage=serverAuth"] },
  { name: "strange-leaf", by: "root", extensions: [NAMED, "1.2.3.4=critical,DER:0500"] },
  { name: "part-wild", by: "root", extensions: ["subjectAltName=DNS:m*.dane.test"] },
  { name: "plain-root", extensions: [CA, ...NO_KEY_IDS] },
  { name: "leaf-of-plain-root", by: "plain-root", extensions: [NAMED, ...NO_KEY_IDS] },
  { name: "impostor", subject: "plain-root", extensions: [CA, ...NO_KEY_IDS] },
  { name: "other-name", keyOf: "plain-root", extensions: [CA, ...NO_KEY_IDS] },
  { name: "leaf-and-authority", extensions: [CA, NAMED] },
  { name: HOST, by: "root", extensions: ["subjectAltName=DNS:other.test"] },
];

/** Judged by a record `2 1 1` of `root`: the verdict, or why not. */
export const CHAINS: readonly (readonly [what: string, chain: readonly string[], verdict: string])[] = [
  ["a chain of one hop", ["leaf-of-root", "root"], "matched"],
  [
    "a chain in another order, with others between",
    ["leaf-of-below-flat", "root", "odd", "below-flat"],
    "no record matches",
  ],
  ["two hops in another order, with another between", ["leaf-of-flat", "root", "odd", "flat"], "matched"],
  ["an authority within its path length", ["leaf-of-flat", "flat", "root"], "matched"],
  ["an authority beyond a path length", ["leaf-of-below-flat", "below-flat", "flat", "root"], "no record matches"],
  ["name constraints, which are not understood", ["leaf-of-narrow", "narrow", "root"], "no record matches"],
  ["a critical extension nobody knows", ["leaf-of-strange", "strange", "root"], "no record matches"],
  ["the same, not critical", ["leaf-of-odd", "odd", "root"], "matched"],
  ["an authority that may not sign certificates", ["leaf-of-no-signer", "no-signer", "root"], "no record matches"],
  ["an authority for clients only", ["leaf-of-client-only", "client-only", "root"], "no record matches"],
  ["a signature with SHA-1", ["leaf-of-sha1", "sha1", "root"], "no record matches"],
  ["an authority with a short RSA key", ["leaf-of-weak", "weak", "root"], "no record matches"],
  ["a hop left out", ["leaf-of-flat", "root"], "no record matches"],
  ["a leaf for clients only", ["client-leaf", "root"], "certificate not fit for a server"],
  ["a leaf for servers", ["server-leaf", "root"], "matched"],
  ["a leaf with a critical extension nobody knows", ["strange-leaf", "root"], "certificate not fit for a server"],
  ["a wildcard for a part of a label", ["part-wild", "root"], "certificate for another name"],
  ["the right common name beside another name", [HOST, "root"], "certificate for another name"],
  ["more certificates than anybody needs", ["leaf-of-root", ...Array<string>(10).fill("root")], "chain too long"],
];
