import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Capabilities } from "../../core/capabilities.ts";
import type { Findings, RuleHit, SideAction, Tier, UninspectableReason } from "../../core/findings.ts";
import type { Floor, Plan, Step } from "../../core/plan.ts";
import { isStop } from "../../core/plan.ts";
import { FALLBACKS, PROFILES, REQUIRETLS_WISHES } from "../../core/policy.ts";
import type { Policy, ProfileName } from "../../core/policy.ts";
import { meetsRung, RUNGS } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";
import type { DecideInput } from "../../core/stages.ts";
import { decide } from "./decide.ts";

const RUNS = { numRuns: 400 };
const profile = fc.constantFrom(...PROFILES);
const domain = fc.constantFrom("a.test", "b.test", "x.a.test");
const party = fc.constantFrom("a.test", ".a.test", "p@a.test", "p@b.test", "<>");
const between = fc.oneof(
  fc.record({ recipients: fc.array(party, { minLength: 1, maxLength: 2 }) }),
  fc.record({ senders: fc.array(party, { minLength: 1, maxLength: 2 }) }),
  fc.record({
    senders: fc.array(party, { minLength: 1, maxLength: 2 }),
    recipients: fc.array(party, { maxLength: 2 }),
  }),
);
const scope: fc.Arbitrary<RuleHit["scope"]> = fc.oneof(
  fc.constant({ kind: "all" } as const),
  fc.record({
    kind: fc.constant("between" as const),
    only: fc.option(fc.array(between, { maxLength: 2 })),
    except: fc.array(between, { maxLength: 2 }),
  }),
);
const side: fc.Arbitrary<SideAction> = fc.oneof(
  fc.constantFrom("PHI", "B").map((word) => ({ kind: "tag", word }) as const),
  fc.constantFrom("sender", "reviewers").map((whom) => ({ kind: "notify", whom }) as const),
  fc.constant({ kind: "copy" } as const),
);
const hit: fc.Arbitrary<RuleHit> = fc.record({
  pack: fc.constantFrom("p", "q"),
  rule: fc.constantFrom("r", "s", "t"),
  tier: fc.constantFrom<Tier>("none", "low", "high"),
  action: fc.oneof(
    fc.constant({ kind: "pass" } as const),
    fc.constant({ kind: "hold" } as const),
    fc.constant({ kind: "refuse" } as const),
    profile.map((name) => ({ kind: "protect", profile: name }) as const),
  ),
  also: fc.array(side, { maxLength: 2 }),
  scope,
});
const unread = fc.record({
  part: fc.constantFrom("1", "2"),
  reason: fc.constantFrom<UninspectableReason>("encrypted", "damaged", "over_budget"),
});

/** What there is to find in a message; more of it is more findings. */
const evidence = fc.record({
  hits: fc.array(hit, { maxLength: 4 }),
  triggers: fc.uniqueArray(fc.constantFrom("subject-tag", "sensitivity-header"), { maxLength: 2 }),
  uninspectable: fc.array(unread, { maxLength: 2 }),
  isEncrypted: fc.boolean(),
  waiverAsked: fc.boolean(),
});
type Evidence = typeof evidence extends fc.Arbitrary<infer T> ? T : never;

/** Verdict and tier as inspect derives them. */
function findingsOf({ hits, triggers, uninspectable, isEncrypted, waiverAsked }: Evidence): Findings {
  const tiers = hits.map(({ tier }) => tier);
  const tier = tiers.includes("high") ? "high" : tiers.includes("low") ? "low" : "none";
  const graded = tier === "none" ? "clean" : "phi";
  const read = uninspectable.length > 0 && graded === "clean" ? "uninspectable" : graded;
  const verdict = isEncrypted && read === "clean" ? "protected" : read;
  const facts = { verdict, tier, hits, triggers, uninspectable, findings: [], packs: [], engine: "1" } as const;
  return { ...facts, ...(isEncrypted && { holdsEncrypted: true }), ...(waiverAsked && { waiverAsked }) };
}

const destination = fc.record({
  match: fc.constantFrom("a.test", ".a.test", ".test", "b.test"),
  raiseTo: fc.option(profile),
  lowerTo: fc.option(
    fc.record({ profile, reason: fc.constant("agreed in writing"), expiresAt: fc.constantFrom(500, 1500) }),
  ),
  requireContentProtection: fc.boolean(),
  fallback: fc.constantFrom(...FALLBACKS),
  requireTls: fc.option(fc.constantFrom(...REQUIRETLS_WISHES)),
  tls: fc.constant(null),
  ignoreSts: fc.option(fc.constant({ reason: "agreed in writing", expiresAt: 1500 })),
});
const policy: fc.Arbitrary<Policy> = fc.record(
  {
    phi: profile,
    sensitive: profile,
    uninspectable: profile,
    alreadyProtected: profile,
    requireTls: fc.constantFrom(...REQUIRETLS_WISHES),
    destinations: fc.array(destination, { maxLength: 3 }),
    keepProvenMs: fc.constant(0),
    waiver: fc.record({ senders: fc.array(party, { maxLength: 2 }), needsApproval: fc.boolean() }),
  },
  {
    requiredKeys: [
      "phi",
      "sensitive",
      "uninspectable",
      "alreadyProtected",
      "requireTls",
      "destinations",
      "keepProvenMs",
    ],
  },
);

const keys = <T>(one: T): fc.Arbitrary<{ kind: "found"; keys: [T] } | { kind: "absent" } | Unavailable> =>
  fc.constantFrom({ kind: "found", keys: [one] }, { kind: "absent" }, { kind: "unavailable", code: "PST-DSC-001" });
type Unavailable = { kind: "unavailable"; code: "PST-DSC-001" };
const route: fc.Arbitrary<Capabilities["route"]> = fc.constantFrom<Capabilities["route"]>(
  { kind: "hosts", hosts: [], via: "mx", security: "secure" },
  { kind: "hosts", hosts: [], via: "smarthost", security: "insecure" },
  { kind: "null-mx" },
  { kind: "no-such-domain" },
  { kind: "loop" },
  { kind: "unusable", code: "PST-DSC-004" },
  { kind: "bogus", code: "PST-DSC-002" },
  { kind: "unavailable", code: "PST-DSC-001" },
);
const capabilities: fc.Arbitrary<Capabilities> = fc.record({
  domain,
  route,
  sts: fc.constantFrom<Capabilities["sts"]>({ kind: "none", failure: null }, { kind: "unknown" }),
  smime: keys({ fingerprint: "c", der: new Uint8Array([1]) }),
  openpgp: keys({ fingerprint: "k", armored: "k" }),
  proven: fc.oneof(
    fc.constant({ kind: "absent" } as const),
    fc.constant({ kind: "unavailable", code: "PST-SPL-061" } as const),
    fc.record({
      kind: fc.constant("known" as const),
      rung: fc.constantFrom(...RUNGS),
      fall: fc.constant(null),
      keptUntil: fc.constantFrom(null, 1000, 1001),
    }),
  ),
  portal: fc.constantFrom({ kind: "absent" } as const, { kind: "available" } as const),
});

const MIN_RUNG: Record<ProfileName, Rung | null> = {
  opportunistic: "plain",
  minimum: "tls-unauthenticated",
  standard: "pkix",
  strict: "pkix-dnssec-mx",
  content: null,
  portal: null,
};
const floor = profile.map((name): Floor => ({ profile: name, minRung: MIN_RUNG[name] }));

const situation = fc.record({
  origin: fc.constantFrom("relay", "relay", "relay", "copy", "dsn", "notice"),
  sender: fc.option(domain),
  requireTls: fc.boolean(),
  domain,
  capabilities,
  policy,
  previousFloor: fc.option(floor),
  holdReleased: fc.boolean(),
  now: fc.constant(1000),
});
type Situation = typeof situation extends fc.Arbitrary<infer T> ? T : never;

function inputOf({ requireTls, domain: name, sender: from, ...rest }: Situation, findings: Findings): DecideInput {
  const sender = from === null ? null : { address: `p@${from}`, localPart: "p", domain: from, isUtf8: false };
  return {
    ...rest,
    findings,
    envelope: { sender, body: "7bit", smtpUtf8: false, requireTls, ret: null, envid: null },
    recipient: {
      mailbox: { address: `p@${name}`, localPart: "p", domain: name, isUtf8: false },
      notify: null,
      orcpt: null,
    },
  };
}

function atLeast(a: Floor, b: Floor): boolean {
  const rungs = a.minRung === null || (b.minRung !== null && meetsRung(a.minRung, b.minRung));
  return rungs && PROFILES.indexOf(a.profile) >= PROFILES.indexOf(b.profile);
}

/** Steps to try, kept for a person, refused: what rules ask for, as an order. */
function strengthOf({ steps: [first] }: Plan): number {
  if (first.kind === "refuse") return first.code === "PST-DEC-030" ? 2 : 0;
  return first.kind === "hold" && first.code === "PST-DEC-002" ? 1 : 0;
}

function stepsOf(plan: Plan): readonly Step[] {
  return plan.steps.flatMap((step) => (isStop(step) ? [] : [step]));
}

/** Whether a step alone gives what the floor asks. */
function meetsFloor(step: Step, { profile, minRung }: Floor): boolean {
  if (step.kind === "transport") return minRung !== null && meetsRung(step.minRung, minRung);
  if (step.kind !== "portal") return profile !== "portal";
  return meetsRung(step.noticeMinRung, profile === "strict" || minRung === null ? "pkix" : "tls-unauthenticated");
}

function hasCause({ reasons, floor }: Plan): boolean {
  return reasons.some(
    (reason) => (reason.kind === "profile" || reason.kind === "never-below") && reason.profile === floor.profile,
  );
}

describe("every plan", () => {
  test("holds only steps that meet its floor, ends in one stop with a code, and names the cause of its floor", () => {
    fc.assert(
      fc.property(situation, evidence, (given, found) => {
        const plan = decide(inputOf(given, findingsOf(found)));
        for (const step of stepsOf(plan)) expect(meetsFloor(step, plan.floor)).toBe(true);
        expect(plan.steps.filter((step) => "code" in step)).toEqual([plan.steps.at(-1)]);
        expect(hasCause(plan)).toBe(true);
      }),
      RUNS,
    );
  });

  test("is the same for the same input, and does not depend on the order of hits", () => {
    fc.assert(
      fc.property(situation, evidence, (given, found) => {
        const plan = decide(inputOf(given, findingsOf(found)));
        expect(decide(structuredClone(inputOf(given, findingsOf(found))))).toEqual(plan);
        expect(decide(inputOf(given, findingsOf({ ...found, hits: found.hits.toReversed() })))).toEqual(plan);
      }),
      RUNS,
    );
  });

  test("is never below the floor demanded before, nor below what REQUIRETLS asks", () => {
    fc.assert(
      fc.property(situation, evidence, (given, found) => {
        const plan = decide(inputOf(given, findingsOf(found)));
        expect(given.previousFloor === null || atLeast(plan.floor, given.previousFloor)).toBe(true);
        const rungs = stepsOf(plan).map((step) => (step.kind === "portal" ? step.noticeMinRung : step.minRung));
        const { route } = given.capabilities;
        const verified = route.kind === "hosts" && route.via === "smarthost" ? "pkix" : "pkix-dnssec-mx";
        expect(!given.requireTls || rungs.every((rung) => meetsRung(rung, verified))).toBe(true);
      }),
      RUNS,
    );
  });
});

describe("what a domain proved before", () => {
  test("raises transport for mail that needs protection until its time is over, and touches nothing else", () => {
    fc.assert(
      fc.property(situation, evidence, (given, found) => {
        const findings = findingsOf(found);
        const plan = decide(inputOf(given, findings));
        const proven = { kind: "absent" } as const;
        const plain = decide(inputOf({ ...given, capabilities: { ...given.capabilities, proven } }, findings));
        const others = (one: Plan): readonly Step[] => stepsOf(one).filter(({ kind }) => kind !== "transport");
        expect([plan.floor, others(plan)]).toEqual([plain.floor, others(plain)]);
        const known = given.capabilities.proven;
        const isBound = plan.reasons.some((reason) => reason.kind === "proven-before" && reason.effect === "kept");
        const rungs = stepsOf(plan).flatMap((step) => (step.kind === "transport" ? [step.minRung] : []));
        const isMet = known.kind === "known" && rungs.every((rung) => meetsRung(rung, known.rung));
        expect(isBound && !isMet).toBe(false);
        expect(plan.floor.profile === "opportunistic" && isBound).toBe(false);
      }),
      RUNS,
    );
  });
});

describe("comparing plans", () => {
  test("a rule more never weakens a plan, whatever it asks for, whomever it concerns and whatever the sender wishes", () => {
    fc.assert(
      fc.property(situation, evidence, hit, (given, found, more) => {
        const [before, after] = [found, { ...found, hits: [...found.hits, more] }].map((facts) =>
          decide(inputOf(given, findingsOf(facts))),
        );
        if (before === undefined || after === undefined) throw new Error("two plans");
        expect(atLeast(after.floor, before.floor)).toBe(true);
        expect(strengthOf(after)).toBeGreaterThanOrEqual(strengthOf(before));
        expect(new Set(after.tags ?? []).isSupersetOf(new Set(before.tags ?? []))).toBe(true);
        const kinds = (plan: Plan): Set<string> => new Set((plan.companions ?? []).map(({ kind }) => kind));
        expect(kinds(after).isSupersetOf(kinds(before))).toBe(true);
      }),
      RUNS,
    );
  });

  test("a sender's wish lowers nothing but what the policy lets that sender lower, and says so", () => {
    fc.assert(
      fc.property(situation, evidence, (given, found) => {
        const wished = decide(inputOf(given, findingsOf({ ...found, waiverAsked: true })));
        const plain = decide(inputOf(given, findingsOf({ ...found, waiverAsked: false })));
        if (atLeast(wished.floor, plain.floor)) return;
        const { waiver } = given.policy;
        expect(given.origin).toBe("relay");
        expect(
          waiver?.senders.some((pattern) => pattern === "<>" || given.sender?.endsWith(pattern.replace("p@", ""))),
        ).toBe(true);
        expect([found.triggers, found.uninspectable, found.isEncrypted]).toEqual([[], [], false]);
        expect(found.hits.some(({ tier }) => tier === "high")).toBe(false);
        const effects = wished.reasons.flatMap((reason) => (reason.kind === "sender-waiver" ? [reason.effect] : []));
        const isHeld = waiver?.needsApproval === true && !given.holdReleased;
        expect(effects).toEqual([isHeld ? "awaits approval" : "granted"]);
        expect(isHeld ? stepsOf(wished) : []).toEqual([]);
      }),
      { numRuns: 4_000 },
    );
  });

  test("more findings never weaken a plan", () => {
    fc.assert(
      fc.property(situation, evidence, evidence, (given, found, more) => {
        const both: Evidence = {
          hits: [...found.hits, ...more.hits],
          triggers: [...new Set([...found.triggers, ...more.triggers])],
          uninspectable: [...found.uninspectable, ...more.uninspectable],
          isEncrypted: found.isEncrypted || more.isEncrypted,
          waiverAsked: false,
        };
        const bare = { ...found, waiverAsked: false };
        const [before, after] = [findingsOf(bare), findingsOf(both)].map((facts) => decide(inputOf(given, facts)));
        if (before === undefined || after === undefined) throw new Error("two plans");
        expect(atLeast(after.floor, before.floor)).toBe(true);
        for (const step of stepsOf(after)) expect(meetsFloor(step, before.floor)).toBe(true);
      }),
      RUNS,
    );
  });

  test("a grade raised without a rule never weakens a plan", () => {
    fc.assert(
      fc.property(situation, evidence, (given, found) => {
        const findings = findingsOf(found);
        const raised: Findings = { ...findings, verdict: "phi", tier: "high" };
        fc.pre(findings.verdict !== "protected" && findings.verdict !== "uninspectable");
        expect(atLeast(decide(inputOf(given, raised)).floor, decide(inputOf(given, findings)).floor)).toBe(true);
      }),
      RUNS,
    );
  });

  test("losing capabilities keeps the floor and only takes steps away", () => {
    fc.assert(
      fc.property(situation, evidence, (given, found) => {
        const { route: own } = given.capabilities;
        const route = own.kind === "hosts" ? own : allMeans.route;
        const rich = { ...given, capabilities: { ...given.capabilities, ...allMeans, route } };
        const [plan, poorer] = [rich, given].map((facts) => decide(inputOf(facts, findingsOf(found))));
        if (plan === undefined || poorer === undefined) throw new Error("two plans");
        expect(poorer.floor).toEqual(plan.floor);
        for (const step of stepsOf(poorer)) expect(stepsOf(plan)).toContainEqual(step);
        for (const step of stepsOf(poorer)) expect(meetsFloor(step, plan.floor)).toBe(true);
      }),
      RUNS,
    );
  });

  test("the passing of time never lowers a floor", () => {
    fc.assert(
      fc.property(situation, evidence, (given, found) => {
        const [before, after] = [1000, 2000].map((now) => decide({ ...inputOf(given, findingsOf(found)), now }));
        if (before === undefined || after === undefined) throw new Error("two plans");
        expect(atLeast(after.floor, before.floor)).toBe(true);
      }),
      RUNS,
    );
  });
});

const allMeans = {
  route: { kind: "hosts", hosts: [], via: "mx", security: "secure" },
  smime: { kind: "found", keys: [{ fingerprint: "c", der: new Uint8Array([1]) }] },
  openpgp: { kind: "found", keys: [{ fingerprint: "k", armored: "k" }] },
  portal: { kind: "available" },
} as const satisfies Partial<Capabilities>;
