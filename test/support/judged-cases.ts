/** Mail servers to be judged by two judges: what DNS holds of them, and what they show. */
import type { ZoneEntry } from "../../src/cli/loopback/dns-server.ts";
import type { MxBehaviour } from "../../src/cli/loopback/mx-behaviour.ts";
import { daneVectors } from "./dane-rig.ts";

export const JUDGED_PORT = 2525;
/** The name in the certificates of the vectors, and the domain whose name may stand in for it. */
const HOST = "mx1.secure.test";
const DOMAIN = "judged.test";
const RIGHT = "3 1 1 6af4b39445784c6e71dc1f62df54e3f7c189a0513d70950ac8e67809eb96bf0b";
const WRONG = `3 1 1 ${"00".repeat(32)}`;

/** A record without data: posttls-finger 3.7 aborts on it, and gives no verdict. */
const ABORTS = "empty-data";

export type JudgedCase = {
  readonly id: string;
  readonly domain: string;
  readonly zone: Readonly<Record<string, ZoneEntry>>;
  /** Names of certificates of the vectors. */
  readonly chain: readonly string[];
  readonly behaviour?: MxBehaviour;
  /** What OpenSSL said of it; null where nobody asked. */
  readonly expected: Verdict | null;
};

/** In the words of Postfix: `Verified` and `Trusted` by DANE, TLS that proves nothing, or nothing that mail would be handed over on. */
export type Verdict = "Verified" | "Trusted" | "Untrusted" | "none";

const SIGNED = { authenticated: true } as const;

function zoneWith(domain: string, tlsa: ZoneEntry, unsigned: readonly string[] = []): JudgedCase["zone"] {
  const zone: Readonly<Record<string, ZoneEntry>> = {
    [domain]: { MX: [[10, HOST]], ...SIGNED },
    [HOST]: { A: ["127.0.0.1"], ...SIGNED },
    [`_${JUDGED_PORT}._tcp.${HOST}`]: { ...SIGNED, ...tlsa },
  };
  return Object.fromEntries(
    Object.entries(zone).map(([name, entry]) => [
      name,
      unsigned.includes(name) ? { ...entry, authenticated: false } : entry,
    ]),
  );
}

function simple(id: string, tlsa: ZoneEntry, more: Partial<JudgedCase> & Pick<JudgedCase, "expected">): JudgedCase {
  return { id, domain: DOMAIN, zone: zoneWith(DOMAIN, tlsa), chain: ["leaf", "intA", "rootA"], ...more };
}

/** Beside the vectors: what DNS does, and what becomes of STARTTLS. */
function others(): readonly JudgedCase[] {
  const right = { TLSA: [RIGHT] };
  return [
    simple("no-records", {}, { expected: "Untrusted" }),
    simple("unsigned-mx", right, { zone: zoneWith(DOMAIN, right, [DOMAIN]), expected: "Trusted" }),
    simple(
      "unsigned-mx-wrong",
      { TLSA: [WRONG] },
      { zone: zoneWith(DOMAIN, { TLSA: [WRONG] }, [DOMAIN]), expected: "Untrusted" },
    ),
    simple(
      "unsigned-address",
      { TLSA: [WRONG] },
      { zone: zoneWith(DOMAIN, { TLSA: [WRONG] }, [HOST]), expected: "Untrusted" },
    ),
    simple("tlsa-servfail", { behaviour: "servfail" }, { expected: "none" }),
    simple("tlsa-bogus", { behaviour: "bogus" }, { expected: "none" }),
    simple("tlsa-refused", { behaviour: "refused" }, { expected: "none" }),
    simple("tlsa-nxdomain", { behaviour: "nxdomain" }, { expected: "Untrusted" }),
    simple("tlsa-truncated", { ...right, behaviour: "truncate" }, { expected: "Verified" }),
    simple("stripped", right, { behaviour: { starttls: "strip" }, expected: "none" }),
    simple("stripped-unusable", { TLSA: ["1 1 1 00"] }, { behaviour: { starttls: "strip" }, expected: "none" }),
    simple("put-off", right, {
      behaviour: { faults: { starttls: { kind: "reply", text: "454 4.7.0 no" } } },
      expected: "none",
    }),
    simple("implicit-mx", {}, { zone: implicit(), domain: HOST, expected: "Verified" }),
    simple("alias", {}, { zone: alias(), expected: "Verified" }),
  ];
}

function implicit(): JudgedCase["zone"] {
  return { [HOST]: { A: ["127.0.0.1"], ...SIGNED }, [`_${JUDGED_PORT}._tcp.${HOST}`]: { TLSA: [RIGHT], ...SIGNED } };
}

function alias(): JudgedCase["zone"] {
  return {
    ...implicit(),
    [DOMAIN]: { MX: [[10, "alias.judged.test"]], ...SIGNED },
    "alias.judged.test": { CNAME: HOST, ...SIGNED },
  };
}

export function judgedCases(): readonly JudgedCase[] {
  const { cases, unusable } = daneVectors();
  return [
    ...cases.map(({ id, chain, tlsa, referenceIds: [, domain = DOMAIN], expect }): JudgedCase => ({
      id,
      domain,
      zone: zoneWith(domain, { TLSA: tlsa }),
      chain,
      expected: expect === "pass" ? "Verified" : "Untrusted",
    })),
    ...unusable
      .filter(({ id }) => id !== ABORTS)
      .map(({ id, tlsa }) => simple(`unusable-${id}`, { TLSA: tlsa }, { expected: "Untrusted" })),
    ...others(),
  ];
}
