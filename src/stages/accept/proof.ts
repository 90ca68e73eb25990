/**
 * Who may submit: a network alone says which provider sends, not which of its tenants.
 * Promises: nobody relays without a submitter entry that holds both the peer's network and the proof it asks for.
 * What the envelope can already prove is settled at MAIL; headers and DKIM are settled after the message.
 */
import type { TLSSocket } from "node:tls";
import { assertNever } from "../../core/assert-never.ts";
import type { NetworkSet } from "../../parts/smtp/network.ts";
import { networkSet } from "../../parts/smtp/network.ts";
import { overlapsSharedCloud } from "../../parts/smtp/shared-clouds.ts";
import type { HeaderFacts } from "./header-watch.ts";
import { ListenerError } from "./listener-error.ts";
import type { AuthUser, Proof, Submitter } from "./options.ts";
import { equalTexts, parseScrypt } from "./password.ts";
import { clientCertificateNames } from "./tls-door.ts";

/** A submitter with its networks made ready. */
export type Candidate = { readonly submitter: Submitter; readonly networks: NetworkSet };

type Late = Extract<Proof, { kind: "header" | "dkim" }>;

export type Standing =
  | { readonly kind: "proven"; readonly submitter: Submitter }
  /** The message itself must prove one of these. */
  | { readonly kind: "pending"; readonly submitters: readonly Submitter[] }
  | { readonly kind: "needs-auth" }
  | { readonly kind: "denied" };

export type Identity = { readonly tlsSocket: TLSSocket | null; readonly user: { readonly submitter: string } | null };

/** Checks and prepares the configured submitters; throws ListenerError naming the first that cannot be. */
export function prepareSubmitters(submitters: readonly Submitter[]): Candidate[] {
  return submitters.map((submitter) => {
    const problem = problemOf(submitter);
    if (problem !== null) throw new ListenerError(problem.code, `submitter ${submitter.name}: ${problem.text}`);
    return { submitter, networks: networkSet(submitter.networks) };
  });
}

export function candidatesFor(candidates: readonly Candidate[], address: string): Submitter[] {
  return candidates.filter(({ networks }) => networks.contains(address)).map(({ submitter }) => submitter);
}

export function usersOf(submitters: readonly Submitter[]): { readonly submitter: string; readonly user: AuthUser }[] {
  return submitters.flatMap(({ name, proof }) =>
    proof.kind === "auth" ? proof.users.map((user) => ({ submitter: name, user })) : [],
  );
}

/** What is known when MAIL comes. A proof already given beats one still to come. */
export function standingAtMail(submitters: readonly Submitter[], identity: Identity): Standing {
  const proven = submitters.find((submitter) => isProvenAtMail(submitter, identity));
  if (proven !== undefined) return { kind: "proven", submitter: proven };
  const pending = submitters.filter(({ proof }) => proof.kind === "header" || proof.kind === "dkim");
  if (pending.length > 0) return { kind: "pending", submitters: pending };
  return { kind: submitters.some(({ proof }) => proof.kind === "auth") ? "needs-auth" : "denied" };
}

/** The first submitter one of whose headers stands in the message exactly once and exactly so. */
export function provenByHeader(submitters: readonly Submitter[], headers: HeaderFacts): Submitter | null {
  const proven = submitters.find(({ proof }) => {
    if (proof.kind !== "header") return false;
    const values = headers.watched.get(proof.name.toLowerCase()) ?? [];
    const [only] = values;
    return values.length === 1 && typeof only === "string" && equalTexts(only, proof.value);
  });
  return proven ?? null;
}

/**
 * Fields a reader believes. A signature covers one of each, counted from below; another one set above it goes unsigned and is
 * what many readers show (RFC 6376 section 8.15).
 */
const SIGNED_ONCE = [
  "from",
  "sender",
  "reply-to",
  "to",
  "cc",
  "subject",
  "date",
  "message-id",
  "mime-version",
  "content-type",
  "content-transfer-encoding",
];

/** Header names whose values decide over these proofs. */
export function watchedNames(submitters: readonly Submitter[]): string[] {
  return lateProofs(submitters).flatMap((proof) => (proof.kind === "header" ? [proof.name] : SIGNED_ONCE));
}

/** False where a signature, however valid, leaves open what it vouches for. */
export function canBeSignedWhole({ watched }: HeaderFacts): boolean {
  return watched.get("from")?.length === 1 && SIGNED_ONCE.every((name) => (watched.get(name)?.length ?? 0) <= 1);
}

/** Own domains that a DKIM signature may name, in lower case. */
export function dkimDomainsOf(submitters: readonly Submitter[]): string[] {
  return lateProofs(submitters).flatMap((proof) =>
    proof.kind === "dkim" ? proof.domains.map((domain) => domain.toLowerCase()) : [],
  );
}

export function submitterOfDomain(submitters: readonly Submitter[], domain: string): Submitter | null {
  return (
    submitters.find(
      ({ proof }) => proof.kind === "dkim" && proof.domains.some((own) => own.toLowerCase() === domain),
    ) ?? null
  );
}

function lateProofs(submitters: readonly Submitter[]): Late[] {
  return submitters.map(({ proof }) => proof).filter((proof) => proof.kind === "header" || proof.kind === "dkim");
}

function isProvenAtMail(submitter: Submitter, { tlsSocket, user }: Identity): boolean {
  const { proof } = submitter;
  if (proof.kind === "own-network") return true;
  if (proof.kind === "auth") return user?.submitter === submitter.name;
  if (proof.kind === "client-certificate") return tlsSocket !== null && clientCertificateNames(tlsSocket, proof.names);
  return false;
}

type Problem = { readonly code: "PST-ACC-032" | "PST-ACC-033"; readonly text: string };

function problemOf({ networks, proof }: Submitter): Problem | null {
  const broken = (text: string): Problem => ({ code: "PST-ACC-033", text });
  if (networks.length === 0) return broken("names no network");
  try {
    networkSet(networks);
  } catch (error) {
    return broken(error instanceof Error ? error.message : "names a network that is none");
  }
  switch (proof.kind) {
    case "own-network": {
      const shared = overlapsSharedCloud(networks);
      const text = `${shared.join(", ")} is shared by many tenants and needs a proof`;
      return shared.length === 0 ? null : { code: "PST-ACC-032", text };
    }
    case "auth": {
      const unusable = proof.users.find(({ password }) =>
        password.kind === "scrypt" ? parseScrypt(password.encoded) === null : password.secret === "",
      );
      if (proof.users.length === 0) return broken("lists no user");
      return unusable === undefined ? null : broken(`the password of user ${unusable.name} is empty or no scrypt hash`);
    }
    case "header":
      return /^[!-9;-~]+$/.test(proof.name) && proof.value.trim() === proof.value && proof.value !== ""
        ? null
        : broken("header name or value is empty or malformed");
    case "client-certificate":
      return proof.names.length > 0 ? null : broken("lists no certificate name");
    case "dkim":
      return proof.domains.length > 0 ? null : broken("lists no DKIM domain");
    default:
      return assertNever(proof);
  }
}
