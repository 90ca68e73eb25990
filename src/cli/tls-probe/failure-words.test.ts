/** The sentences that are forwarded to the other side: what they name, and that each failure has one. */
import { describe, expect, test } from "vitest";
import { tlsRule } from "../../../test/support/rules.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { HostVerdict } from "../../stages/deliver/verdicts.ts";
import { adviceOf, failuresOf } from "./failure-words.ts";
import { MX_NAME, notDialled, seenWith } from "./seen.samples.ts";
import type { Change } from "./seen.samples.ts";

const trouble = (code: ReasonCode): HostVerdict => ({ kind: "trouble", code, status: "4.4.2", reply: null });
const below = (code: ReasonCode): HostVerdict => ({ kind: "below", code, rung: "plain", missing: [] });
const violated = (code: ReasonCode): HostVerdict => ({
  kind: "violated",
  code,
  status: "4.7.5",
  reply: null,
  rung: "tls-unauthenticated",
});
const refused = (why: "no record matches" | "certificate not valid now" | "certificate for another name"): Change => ({
  verdict: violated("PST-DLV-039"),
  facts: { dane: { state: "usable", matched: null, refused: why } },
});
const rule = tlsRule({ of: "example.test", minVersion: "TLSv1.3" });
const SEVEN = [1, 2, 3, 4, 5, 6, 7].map((number) => `n${number}.example.test`);

describe("each failure is a sentence with its code", () => {
  test.each<[what: string, change: Change, code: ReasonCode, words: RegExp]>([
    ["self-signed", { tls: { chain: "DEPTH_ZERO_SELF_SIGNED_CERT" } }, "PST-DLV-009", /is signed by itself/],
    ["own authority", { tls: { chain: "SELF_SIGNED_CERT_IN_CHAIN" } }, "PST-DLV-009", /not publicly trusted/],
    ["unknown", { tls: { chain: "UNABLE_TO_VERIFY_LEAF_SIGNATURE" } }, "PST-DLV-009", /intermediate certificates/],
    [
      "expired",
      { tls: { chain: "CERT_HAS_EXPIRED", leafNotAfter: "2026-11-20T00:00:00.000Z" } },
      "PST-DLV-009",
      /expired on 2026-11-20; please renew it\.$/,
    ],
    ["an expired intermediate", { tls: { chain: "CERT_HAS_EXPIRED" } }, "PST-DLV-009", /intermediate certificate that/],
    ["not valid yet", { tls: { chain: "CERT_NOT_YET_VALID" } }, "PST-DLV-009", /not valid yet/],
    ["another purpose", { tls: { chain: "INVALID_PURPOSE" } }, "PST-DLV-009", /not issued for servers/],
    ["anything else", { tls: { chain: "PATH_LENGTH_EXCEEDED" } }, "PST-DLV-009", /OpenSSL says PATH_LENGTH_EXCEEDED/],
    [
      "another name",
      { tls: { nameMatches: false }, names: ["mail.other.test"] },
      "PST-DLV-009",
      /was not issued for that name: it is valid for mail\.other\.test; please issue one for mx1\.example\.test/,
    ],
    ["many names", { tls: { nameMatches: false }, names: SEVEN }, "PST-DLV-009", /n5\.example\.test and 2 more; /],
    ["no name", { tls: { nameMatches: false }, names: [] }, "PST-DLV-009", /no name at all/],
    [
      "an address in place of a name",
      { tls: { nameMatches: false }, host: { name: "192.0.2.1" } },
      "PST-DLV-009",
      /known by its address alone/,
    ],
    [
      "a key that is not pinned",
      {
        host: { rule },
        facts: { rule: { of: "example.test", met: false, refused: "key not pinned" } },
        verdict: violated("PST-DLV-050"),
      },
      "PST-DLV-050",
      /rule for example\.test\): key not pinned; please confirm by another way/,
    ],
    [
      "an older version than agreed on",
      { host: { rule }, tls: { protocol: "TLSv1.2" }, verdict: violated("PST-DLV-053") },
      "PST-DLV-053",
      /offers TLSv1\.2, and we agreed on TLSv1\.3 or newer/,
    ],
    [
      "a short key",
      { tls: { chain: "UNSPECIFIED", weakKey: "rsa 1024" } },
      "PST-DLV-009",
      /key \(rsa 1024\) that is too short/,
    ],
    ["no STARTTLS", { tls: null, verdict: below("PST-DLV-007") }, "PST-DLV-007", /offers no STARTTLS/],
    ["old TLS", { tls: null, verdict: below("PST-DLV-008") }, "PST-DLV-008", /please offer TLS 1\.2 or 1\.3/],
    ["nobody there", { tls: null, verdict: trouble("PST-DLV-001") }, "PST-DLV-001", /takes no connection/],
    ["no way", { tls: null, verdict: trouble("PST-DLV-001"), isUnroutable: true }, "PST-DLV-001", /has no way to/],
    ["hanging up", { facts: { phase: "ehlo2" }, verdict: trouble("PST-DLV-002") }, "PST-DLV-002", /to EHLO under TLS;/],
    ["silence", { facts: { phase: "greeting" }, verdict: trouble("PST-DLV-003") }, "PST-DLV-003", /with its greeting/],
    ["a broken reply", { verdict: trouble("PST-DLV-004") }, "PST-DLV-004", /broke the SMTP protocol/],
    [
      "refusal",
      { facts: { phase: "greeting", replyCode: 554 }, verdict: trouble("PST-DLV-006") },
      "PST-DLV-006",
      /answers 554 with its greeting/,
    ],
    ["injection", { verdict: trouble("PST-DLV-010") }, "PST-DLV-010", /bytes in the clear/],
    ["no TLSA match", refused("no record matches"), "PST-DLV-039", /matches none of the TLSA records \(DANE\) of mx1/],
    ["TLSA, expired", refused("certificate not valid now"), "PST-DLV-039", /it has expired or is not valid yet/],
    ["TLSA, name", refused("certificate for another name"), "PST-DLV-039", /not issued for that name/],
    [
      "TLSA without STARTTLS",
      { tls: null, facts: { starttlsOffered: false }, verdict: violated("PST-DLV-040") },
      "PST-DLV-040",
      /STARTTLS is not offered;/,
    ],
    [
      "TLSA with STARTTLS refused",
      { tls: null, facts: { replyCode: 454 }, verdict: violated("PST-DLV-040") },
      "PST-DLV-040",
      /STARTTLS is answered with 454;/,
    ],
    ["TLSA, handshake", { tls: null, verdict: violated("PST-DLV-041") }, "PST-DLV-041", /and the handshake fails/],
  ])("%s", async (_what, change, code, words) => {
    const failures = failuresOf(await seenWith(change));
    expect(failures).toEqual([{ code, text: expect.stringMatching(words) }]);
    expect(failures[0]?.text).toContain(change.host?.name ?? MX_NAME);
    expect(failures[0]?.text).toMatch(/\.$/);
  });

  test.each<[code: ReasonCode, words: RegExp]>([
    ["PST-DLV-030", /its address 10\.0\.0\.1 is private or reserved/],
    ["PST-DLV-031", /that name has no address/],
    ["PST-DLV-032", /could not be looked up/],
    ["PST-DSC-008", /do not answer for its TLSA records/],
    ["PST-DSC-009", /fail DNSSEC validation/],
  ])("a host that is not dialled: %s", (code, words) => {
    expect(failuresOf(notDialled(code))).toEqual([{ code, text: expect.stringMatching(words) }]);
    expect(REASON_CODES[code]).toBeDefined();
  });
});

test("a certificate that fails in two ways gets two sentences", async () => {
  const change = { tls: { chain: "DEPTH_ZERO_SELF_SIGNED_CERT", nameMatches: false }, names: ["localhost"] };
  expect(failuresOf(await seenWith(change)).map(({ code }) => code)).toEqual(["PST-DLV-009", "PST-DLV-009"]);
});

test("a good server has no failure, nor has one whose TLSA record matched a certificate that PKIX would refuse", async () => {
  expect(failuresOf(await seenWith())).toEqual([]);
  const dane = { state: "usable", matched: "3 1 1 0123abcd…", refused: null } as const;
  const bySelf = { tls: { chain: "DEPTH_ZERO_SELF_SIGNED_CERT" }, facts: { rung: "dane-insecure-mx", dane } } as const;
  expect(failuresOf(await seenWith(bySelf))).toEqual([]);
});

describe("what a good server lacks for the profile strict", () => {
  test("a signed MX", async () => {
    expect(adviceOf(await seenWith())).toEqual({
      code: "PST-DLV-038",
      text: expect.stringContaining("please sign the zone of example.test with DNSSEC"),
    });
  });

  test.each<[what: string, change: Change]>([
    ["nothing where it is signed", { way: { security: "secure" }, facts: { rung: "pkix-dnssec-mx" } }],
    ["nothing where its key is pinned", { facts: { rung: "pinned" } }],
    ["nothing where its policy vouches for it", { facts: { rung: "sts-enforce" } }],
    ["nothing that could be had where the operator chose the host", { way: { via: "smarthost" } }],
    ["more than advice where the certificate fails", { tls: { chain: "CERT_HAS_EXPIRED" } }],
  ])("%s", async (_what, change) => {
    expect(adviceOf(await seenWith(change))).toBeNull();
  });
});
