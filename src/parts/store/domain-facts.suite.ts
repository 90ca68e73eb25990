/** What every DomainFacts must do, in examples; run against each implementation. */
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { DOMAIN_FACT_LIMITS } from "../../core/domain-facts.ts";
import type { DomainFact, DomainFacts } from "../../core/domain-facts.ts";
import { START } from "./queue-store.samples.ts";

export type OpenedFacts = { readonly facts: DomainFacts; readonly close: () => Promise<void> };

const DAY_MS = 86_400_000;

export function sampleFact(domain: string, over: Partial<DomainFact> = {}): DomainFact {
  return { domain, value: { of: domain }, lookAt: null, forgetAt: START + DAY_MS, ...over };
}

/** `open` gives an empty one that holds at most `perKindMax` of each kind, written at times of `now`. */
export function describeDomainFacts(
  name: string,
  open: (options: { readonly perKindMax: number; readonly now: () => number }) => Promise<OpenedFacts>,
): void {
  describe(`${name}: what is remembered of domains`, () => {
    let opened: OpenedFacts;
    let facts: DomainFacts;
    let now = START;
    beforeEach(async () => {
      now = START;
      opened = await open({ perKindMax: 4, now: () => now++ });
      ({ facts } = opened);
    });
    afterEach(() => opened.close());

    const domainsOf = async (kind: "sts" | "proven"): Promise<readonly string[]> => {
      const { facts: all } = await facts.list(kind, { after: null, limit: 100 });
      return all.map(({ domain }) => domain).toSorted();
    };

    test("a fact is found by its domain whatever its case and international form, and by its kind", async () => {
      const fact = sampleFact("bücher.example", { value: { mx: ["mx.example"], maxAge: 5 }, lookAt: START + 5 });
      await facts.put("sts", [fact], "durable");
      for (const domain of ["bücher.example", "BÜCHER.example", "xn--bcher-kva.EXAMPLE"]) {
        expect(await facts.get("sts", domain)).toEqual({ ...fact, domain: "xn--bcher-kva.example" });
      }
      expect(await facts.get("proven", "bücher.example")).toBeNull();
      expect(await facts.get("sts", "other.example")).toBeNull();
    });

    test("what is put stands in the place of what was there, and may be removed", async () => {
      await facts.put("sts", [sampleFact("a.example", { lookAt: 1 }), sampleFact("b.example")], "ordered");
      await facts.put("sts", [sampleFact("A.example", { value: "anew" })], "ordered");
      expect(await facts.get("sts", "a.example")).toEqual(sampleFact("a.example", { value: "anew" }));
      await facts.put("proven", [sampleFact("a.example")], "ordered");
      await facts.remove("sts", ["a.example", "never.example"], "durable");
      expect([await domainsOf("sts"), await domainsOf("proven")]).toEqual([["b.example"], ["a.example"]]);
    });

    test("what is due comes earliest first, and what is never due does not", async () => {
      const times = { "late.example": 30, "early.example": 10, "next.example": 20, "never.example": null };
      const all = Object.entries(times).map(([domain, lookAt]) => sampleFact(domain, { lookAt }));
      await facts.put("sts", all, "ordered");
      const due = async (at: number, limit = 9) => (await facts.due("sts", at, limit)).map(({ domain }) => domain);
      expect(await due(9)).toEqual([]);
      expect(await due(20)).toEqual(["early.example", "next.example"]);
      expect(await due(99, 1)).toEqual(["early.example"]);
      expect(await facts.due("proven", 99, 9)).toEqual([]);
    });

    test("a list gives each fact once, page by page", async () => {
      const domains = ["a.example", "b.example", "c.example", "d.example"];
      await facts.put(
        "sts",
        domains.map((domain) => sampleFact(domain)),
        "ordered",
      );
      const seen: string[] = [];
      let after: string | null = null;
      do {
        const page = await facts.list("sts", { after, limit: 3 });
        seen.push(...page.facts.map(({ domain }) => domain));
        after = page.next;
      } while (after !== null);
      expect(seen.toSorted()).toEqual(domains);
    });

    test("what has reached its time is forgotten, the earliest first, in portions", async () => {
      const at = (n: number) => sampleFact(`${n}.example`, { forgetAt: START + n });
      await facts.put("sts", [at(2), at(1), at(3)], "ordered");
      expect(await facts.forget(START, 10)).toBe(0);
      expect(await facts.forget(START + 2, 1)).toBe(1);
      expect(await domainsOf("sts")).toEqual(["2.example", "3.example"]);
      expect(await facts.forget(START + 2, 10)).toBe(1);
      expect(await domainsOf("sts")).toEqual(["3.example"]);
    });

    test("of a full kind those written longest ago leave; other kinds stay", async () => {
      await facts.put("proven", [sampleFact("a.example")], "ordered");
      for (const name of ["a", "b", "c", "d"]) await facts.put("sts", [sampleFact(`${name}.example`)], "ordered");
      await facts.put("sts", [sampleFact("a.example")], "ordered");
      await facts.put("sts", [sampleFact("e.example"), sampleFact("f.example")], "ordered");
      expect(await domainsOf("sts")).toEqual(["a.example", "d.example", "e.example", "f.example"]);
      await facts.remove("sts", ["d.example"], "ordered");
      await facts.put("sts", [sampleFact("g.example")], "ordered");
      expect(await domainsOf("sts")).toHaveLength(4);
      expect(await domainsOf("proven")).toEqual(["a.example"]);
    });

    test("a value over its limit, or too many at once, is refused whole", async () => {
      const large = sampleFact("large.example", { value: "x".repeat(DOMAIN_FACT_LIMITS.valueBytesMax) });
      await expect(facts.put("sts", [sampleFact("a.example"), large], "ordered")).rejects.toThrow("PST-SPL-062");
      const many = Array.from({ length: DOMAIN_FACT_LIMITS.factsPerCallMax + 1 }, (_, n) => sampleFact(`${n}.example`));
      await expect(facts.put("sts", many, "ordered")).rejects.toThrow("PST-SPL-062");
      expect(await domainsOf("sts")).toEqual([]);
      await facts.put("sts", [], "durable");
      await facts.remove("sts", [], "durable");
    });
  });
}
