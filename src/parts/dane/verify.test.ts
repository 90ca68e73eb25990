/** The oracle is OpenSSL: the verdicts of the vectors come from `s_client -dane_*` (shared/data/transport). */
import { X509Certificate } from "node:crypto";
import * as fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { CHAINS, HOST, REQUESTS } from "../../../test/support/dane-chains.ts";
import { daneVectors, readTlsa, tlsaOf, usableDane } from "../../../test/support/dane-rig.ts";
import type { DaneVectors } from "../../../test/support/dane-rig.ts";
import { issueChain } from "../../../test/support/peers-issuer.ts";
import { peers } from "../../../test/support/peers.ts";
import { issueAuthority, issueServerCertificate } from "../keys/issue-certificate.ts";
import { sentChain, verifyDane } from "./verify.ts";

const given = peers("transport-data");
const NONE: DaneVectors = { certificates: {}, testKeys: {}, cases: [], unusable: [] };

describe.skipIf(given.areMissing)(`certificates and records with OpenSSL's verdict${given.note}`, () => {
  const { certificates, cases, unusable } = given.areMissing ? NONE : daneVectors();
  const chainOf = (names: readonly string[]) => names.map((name) => new X509Certificate(certificates[name] ?? ""));
  const at = Date.UTC(2026, 5, 1);

  test.each(cases)("$id: $expect", ({ chain, tlsa, referenceIds, expect: expected }) => {
    const [first, ...others] = tlsa;
    const state = usableDane([readTlsa(first), ...others.map(readTlsa)], referenceIds);
    const verdict = verifyDane(chainOf(chain), state, at);
    expect(verdict.kind).toBe(expected === "pass" ? "matched" : "refused");
  });

  test.each(unusable)("$id matches nothing, even where it was not left out", ({ tlsa: [text] }) => {
    const verdict = verifyDane(chainOf(["leaf"]), usableDane([readTlsa(text)], ["mx1.secure.test"]), at);
    expect(verdict).toEqual({ kind: "refused", why: "no record matches" });
  });
});

const openssl = peers("openssl");
describe.skipIf(openssl.areMissing)(`a trust anchor in DNS${openssl.note}`, () => {
  let issued: Awaited<ReturnType<typeof issueChain>> = new Map();
  const pem = (name: string): string => issued.get(name)?.cert ?? "";
  const judge = (names: readonly string[], anchor: string, { kind = "2 1 1", days = 0 } = {}): string => {
    const chain = names.map((name) => new X509Certificate(pem(name)));
    const verdict = verifyDane(
      chain,
      usableDane([tlsaOf(kind, pem(anchor))], [HOST]),
      Date.now() + days * 86_400_000 + 60_000,
    );
    return verdict.kind === "matched" ? "matched" : verdict.why;
  };
  beforeAll(async () => {
    issued = await issueChain(REQUESTS);
  });

  test.each(CHAINS)("%s", (_what, chain, verdict) => {
    expect(judge(chain, "root")).toBe(verdict);
  });

  test.each<[what: string, leaf: string, anchor: string, verdict: string]>([
    ["name and key", "leaf-of-plain-root", "plain-root", "matched"],
    ["the name and another key", "leaf-of-plain-root", "impostor", "no record matches"],
    ["the key and another name", "leaf-of-plain-root", "other-name", "no record matches"],
    ["the server's own certificate, sent twice", "leaf-and-authority", "leaf-and-authority", "no record matches"],
  ])("an issuer is who has %s", (_what, leaf, anchor, verdict) => {
    expect(judge([leaf, anchor], anchor, { kind: "2 0 1" })).toBe(verdict);
    expect(judge([leaf], anchor, { kind: "2 0 0" })).toBe(verdict);
  });

  test("an authority that has ended proves nothing, and neither does one in DNS", () => {
    expect(judge(["leaf-of-brief", "brief", "root"], "root")).toBe("matched");
    expect(judge(["leaf-of-brief", "brief", "root"], "root", { days: 2 })).toBe("no record matches");
    expect(judge(["leaf-of-brief"], "brief", { kind: "2 0 0" })).toBe("matched");
    expect(judge(["leaf-of-brief"], "brief", { kind: "2 0 0", days: 2 })).toBe("no record matches");
  });

  test("a path length counts for an anchor that only DNS knows", () => {
    expect(judge(["leaf-of-below-flat", "below-flat"], "flat", { kind: "2 0 0" })).toBe("no record matches");
    expect(judge(["leaf-of-flat"], "flat", { kind: "2 0 0" })).toBe("matched");
  });

  test("an authority's date beyond the leaf's own does not help the leaf", () => {
    expect(judge(["leaf-of-root", "root"], "root", { days: 29 })).toBe("matched");
    expect(judge(["leaf-of-root", "root"], "root", { days: -2 })).toBe("no record matches");
  });
});

describe("certificates altered on the way", () => {
  test("never break the judgement, and none passes under an authority for the one it was", async () => {
    const day = 86_400_000;
    const now = Date.now();
    const valid = { notBefore: now - day, notAfter: now + day };
    const authority = await issueAuthority({ ...valid, commonName: "CA" });
    const leaf = await issueServerCertificate({ ...valid, commonName: "x", dnsNames: [HOST], issuer: authority });
    const chain = [leaf, authority].map(({ certPem }) => new X509Certificate(certPem).raw);
    const state = usableDane([tlsaOf("2 1 1", authority.certPem), tlsaOf("2 0 0", authority.certPem)], [HOST]);
    const judge = (ders: readonly Uint8Array[]): string =>
      verifyDane(
        ders.map((der) => new X509Certificate(der)),
        state,
        now,
      ).kind;
    let judged = 0;
    expect(judge(chain)).toBe("matched");
    const alteration = fc.record({
      at: fc.nat({ max: 999 }),
      bits: fc.integer({ min: 1, max: 255 }),
    });
    fc.assert(
      fc.property(fc.nat({ max: 1 }), fc.array(alteration, { minLength: 1, maxLength: 3 }), (which, places) => {
        const ders = chain.map((der) => Uint8Array.from(der));
        const der = ders[which] ?? new Uint8Array(0);
        for (const { at, bits } of places) {
          // Not in the signature: several texts of one are the same number.
          const place = at % (der.length - SIGNATURE_BYTES);
          der[place] = (der[place] ?? 0) ^ bits;
        }
        if (chain[which]?.equals(der) === true || !ders.every(isReadable)) return;
        judged += 1;
        const verdict = judge(ders);
        // What stands behind the leaf may be anything: DNS holds the authority as a whole.
        expect(verdict).toBe(which === 0 ? "refused" : "matched");
      }),
      { numRuns: 400 },
    );
    expect(judged).toBeGreaterThan(40);
  });
});

/** Algorithm and value, with room. */
const SIGNATURE_BYTES = 100;

/** What the runtime cannot read never comes out of a handshake. */
function isReadable(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false;
  }
}

test("no certificate, no match", () => {
  const state = usableDane([readTlsa(`3 1 1 ${"00".repeat(32)}`)], [HOST]);
  expect(verifyDane(sentChain(undefined), state, 0)).toEqual({ kind: "refused", why: "no certificate" });
});
