import { describe, expect, test } from "vitest";
import type { AuditRow, EventBody } from "../../core/event.ts";
import type { AttemptFacts } from "../../core/outcome.ts";
import type { StoredRecipient } from "../../core/queue-store.ts";
import { chainRow, EMPTY_CHAIN, toEventRow } from "../../parts/store/audit-chain.ts";
import { toMessageId } from "../../core/ids.ts";
import type { RecipientId } from "../../core/ids.ts";
import { tellStory } from "./story.ts";

const MESSAGE = toMessageId("01HSAMPXE00000000000000001");
const AT = Date.UTC(2026, 0, 2, 3, 4);

function rowsOf(...events: readonly (readonly [number | null, EventBody])[]): AuditRow[] {
  return events.map(([ordinal, body]) => {
    const recipientId = ordinal === null ? null : (`${MESSAGE}.${ordinal}` as RecipientId);
    return chainRow(toEventRow({ at: AT, messageId: MESSAGE, recipientId, body }), EMPTY_CHAIN);
  });
}

function attempt(facts: Partial<AttemptFacts>): EventBody {
  return {
    kind: "attempt",
    attempt: {
      host: "mx1.example.org",
      address: "192.0.2.1",
      port: 25,
      phase: "done",
      starttlsOffered: true,
      tls: null,
      rung: null,
      reused: false,
      code: null,
      replyCode: null,
      enhanced: null,
      startedAt: AT,
      durationMs: 12,
      ...facts,
    },
  };
}

const tls: AttemptFacts["tls"] = {
  protocol: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  leafSha256: "ab",
  leafNotAfter: "2027-01-01",
  chain: "ok",
  nameMatches: true,
};

const findings = {
  verdict: "phi",
  tier: "high",
  hits: [
    {
      pack: "us-hipaa",
      rule: "mrn-with-term",
      tier: "high",
      action: { kind: "protect", profile: "minimum" },
      scope: { kind: "all" },
    },
  ],
  uninspectable: [],
  triggers: ["subject-tag"],
  packs: [],
  engine: "1",
  count: 2,
} as const;

const LINES: readonly (readonly [EventBody, string])[] = [
  [
    {
      kind: "accepted",
      origin: "relay",
      submitter: "m365",
      proof: "header",
      peerAddress: "198.51.100.4",
      tls: "TLSv1.3 TLS_AES_256_GCM_SHA384",
      sizeBytes: 12_288,
      sha256: "ab",
      recipients: 1,
    },
    "accepted from m365 at 198.51.100.4 (proof: header) over TLSv1.3 TLS_AES_256_GCM_SHA384, 12 KB, 1 recipient",
  ],
  [
    { kind: "inspected", findings },
    "found PHI, 2 places: rule us-hipaa/mrn-with-term (tier high): the sender asked for protection (subject-tag)",
  ],
  [
    {
      kind: "inspected",
      findings: {
        ...findings,
        verdict: "uninspectable",
        hits: [],
        triggers: [],
        uninspectable: [{ part: "2", reason: "encrypted" }],
      },
    },
    "could not be read everywhere (part 2: encrypted)",
  ],
  [
    {
      kind: "planned",
      profile: "standard",
      minRung: "pkix",
      steps: [{ kind: "transport", minRung: "pkix" }],
      stop: { kind: "hold", code: "PST-DEC-001" },
      reasons: [{ kind: "rule", pack: "us-hipaa", rule: "mrn-with-term" }],
    },
    "needs at least: verified TLS (standard), because of rule us-hipaa/mrn-with-term; plan: transport (pkix), then hold (PST-DEC-001)",
  ],
  [
    attempt({ starttlsOffered: false, phase: "starttls" }),
    "tried mx1.example.org 192.0.2.1: offered no STARTTLS; ended at starttls",
  ],
  [attempt({ phase: "dial" }), "tried mx1.example.org 192.0.2.1: no dialog; ended at dial"],
  [
    attempt({
      tls: { ...tls, chain: "DEPTH_ZERO_SELF_SIGNED_CERT", nameMatches: false },
      rung: "tls-unauthenticated",
      phase: "verify",
    }),
    "tried mx1.example.org 192.0.2.1: TLSv1.3 TLS_AES_256_GCM_SHA384, certificate DEPTH_ZERO_SELF_SIGNED_CERT, name does not match → TLS, certificate not verified; ended at verify",
  ],
  [
    attempt({ tls, rung: "dane", dane: { state: "usable", matched: "3 1 1 0123abcd…", refused: null } }),
    "tried mx1.example.org 192.0.2.1: TLSv1.3 TLS_AES_256_GCM_SHA384, certificate ok, name matches, DANE record 3 1 1 0123abcd… matches → TLS verified by DANE",
  ],
  [
    attempt({
      tls,
      rung: "tls-unauthenticated",
      dane: { state: "usable", matched: null, refused: "no record matches" },
      phase: "verify",
    }),
    "tried mx1.example.org 192.0.2.1: TLSv1.3 TLS_AES_256_GCM_SHA384, certificate ok, name matches, DANE: no record matches → TLS, certificate not verified; ended at verify",
  ],
  [
    attempt({ tls, rung: "pkix", dane: { state: "unusable" } }),
    "tried mx1.example.org 192.0.2.1: TLSv1.3 TLS_AES_256_GCM_SHA384, certificate ok, name matches, DANE records of no use → verified TLS",
  ],
  [
    attempt({ starttlsOffered: false, dane: { state: "usable", matched: null, refused: null }, phase: "starttls" }),
    "tried mx1.example.org 192.0.2.1: offered no STARTTLS, though DNS asks for TLS (DANE); ended at starttls",
  ],
  [
    attempt({ dane: { state: "unusable" }, phase: "handshake" }),
    "tried mx1.example.org 192.0.2.1: TLS did not come about, though DNS asks for it (DANE); ended at handshake",
  ],
  [
    { kind: "unmet", code: "PST-DEC-001", bestRung: "plain", missing: ["8BITMIME"] },
    "not good enough: PST-DEC-001 The destination cannot meet the floor and no other protection is available; best seen: no TLS; not offered: 8BITMIME",
  ],
  [
    {
      kind: "delivered",
      rung: "pkix",
      host: "mx1.example.org",
      replyCode: 250,
      status: "2.0.0",
      possibleDuplicate: true,
    },
    "delivered to mx1.example.org over pkix, reply 250 2.0.0; possibly for the second time",
  ],
  [
    { kind: "deferred", code: "PST-DEC-002", status: "4.7.1", replyCode: 451, attempts: 2, dueAt: AT },
    "deferred, next try 2026-01-02 03:04 UTC (2 attempts so far): PST-DEC-002 A rule holds this message for review; reply 451 4.7.1",
  ],
  [{ kind: "child", child: "held_notice", messageId: "01X", step: 1 }, "the sender was told that it is held, as 01X"],
  [
    { kind: "operator", action: "release", actor: "ada", reason: "called\u001b[2Jthem" },
    "ada asked for release: called [2Jthem",
  ],
];

describe("every event has its line", () => {
  test.each(LINES)("%j", (body, text) => {
    expect(tellStory(rowsOf([null, body]), []).lines).toEqual([{ at: AT, text }]);
  });

  test("a hold says why, until when, and what to do next, in the words of the catalogue", () => {
    const [line] = tellStory(rowsOf([null, { kind: "held", code: "PST-DEC-002", deadlineAt: AT }]), []).lines;
    expect(line?.text).toMatch(
      /^held until 2026-01-02 03:04 UTC: PST-DEC-002 A rule holds this message for review\. Next: Look at it /,
    );
  });

  test("a delivery names the TLS its connection really used", () => {
    const delivered: EventBody = {
      kind: "delivered",
      rung: "pkix",
      host: "mx1.example.org",
      replyCode: 250,
      status: "2.0.0",
      possibleDuplicate: false,
    };
    const story = tellStory(rowsOf([null, attempt({ tls, rung: "pkix", replyCode: 250 })], [1, delivered]), []);
    expect(story.recipients[0]?.lines[0]?.text).toBe(
      "delivered to mx1.example.org over pkix (TLSv1.3 TLS_AES_256_GCM_SHA384), reply 250 2.0.0",
    );
  });
});

describe("the story of a message", () => {
  const stored = {
    id: `${MESSAGE}.2` as RecipientId,
    messageId: MESSAGE,
    lane: "lane",
    sender: "sender",
    recipient: {
      mailbox: { address: "jo@example.org", localPart: "jo", domain: "example.org", isUtf8: false },
      notify: null,
      orcpt: null,
    },
    state: "deferred",
    dueAt: AT,
    deadlineAt: null,
    possibleDuplicate: true,
    lastCode: "PST-DEC-002",
    lastReply: { code: 451, enhanced: "4.7.1", text: "try later\u001b[31m" },
    lastHost: "mx1.example.org",
    fence: 3,
    attempts: 2,
    plan: null,
    stepIndex: 0,
    variantId: null,
    unmetSince: null,
    holdReleased: false,
    noticesSent: 0,
    lease: null,
  } satisfies StoredRecipient;

  test("separates what concerns all from what concerns each, in the order of recipients", () => {
    const alert: EventBody = { kind: "alert", code: "PST-DEC-001" };
    const story = tellStory(rowsOf([null, alert], [10, alert], [2, alert]), [stored]);
    expect(story.lines).toHaveLength(1);
    expect(story.recipients.map((r) => [r.recipientId.slice(27), r.address, r.state, r.lines.length])).toEqual([
      ["2", "jo@example.org", "deferred", 1],
      ["10", null, null, 1],
    ]);
    expect(story.recipients[0]?.now).toBe(
      "deferred; due 2026-01-02 03:04 UTC; possible duplicate; PST-DEC-002 A rule holds this message for review; last reply of mx1.example.org: 451 4.7.1 try later [31m",
    );
    expect(story.recipients[1]?.now).toBeNull();
  });

  test.each(["not json", "null", '{"kind":"held"}', '{"kind":"alert","code":7}', '{"kind":"constructor"}'])(
    "an altered or foreign row %s does not stop the story",
    (body) => {
      const row = rowsOf([null, { kind: "alert", code: "PST-DEC-001" }])[0] as AuditRow;
      const story = tellStory([{ ...row, body }, row], []);
      expect(story.lines).toHaveLength(2);
      expect(story.lines[1]?.text).toContain("alert to the operators: PST-DEC-001");
    },
  );
});
