/**
 * Two judges of the same mail servers: Postfix's posttls-finger, which is another program with another TLS verifier and another resolver library,
 * and `postern tls probe`. In a network of their own, because the one asks the system's resolver, on port 53.
 */
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { CERTIFICATE_KINDS } from "../../src/cli/loopback/internet.ts";
import { judgedCases } from "../support/judged-cases.ts";
import type { Judged } from "../support/judged-site.ts";
import { inNamespace, namespaceNote } from "../support/namespace.ts";
import { peers } from "../support/peers.ts";

const SITE = join(import.meta.dirname, "../support/judged-site.ts");

const needed = peers("postfix", "unbound", "iproute2", "transport-data");
const note = needed.areMissing ? needed.note : namespaceNote();
const isSkipped = note !== "";

async function judge(what: "vectors" | "zones" | "certificates"): Promise<readonly Judged[]> {
  return (await inNamespace(SITE, [what])) as readonly Judged[];
}

describe.skipIf(isSkipped)(`the verdict of posttls-finger${note}`, () => {
  describe("on servers with records of every kind", () => {
    const cases = isSkipped ? [] : judgedCases();
    const verdicts = new Map<string, Judged>();
    beforeAll(async () => {
      for (const judged of await judge("vectors")) verdicts.set(judged.id, judged);
    }, 60_000);

    test.each(cases)("$id: $expected", ({ id, expected }) => {
      expect(verdicts.get(id)).toEqual({ id, ours: expected, theirs: expected });
    });

    test("was asked about enough of them, and is not always the same", () => {
      const theirs = [...verdicts.values()].map((judged) => judged.theirs);
      expect(theirs.length).toBeGreaterThanOrEqual(50);
      expect(new Set(theirs)).toEqual(new Set(["Verified", "Trusted", "Untrusted", "none"]));
    });
  });

  test("on signed, unsigned and tampered zones, by unbound", async () => {
    expect(await judge("zones")).toEqual(
      [
        ["secure.test", "Verified"],
        ["insecure.test", "Trusted"],
        ["bogus.test", "none"],
        ["toinsec.secure.test", "Untrusted"],
        ["nomx.secure.test", "Untrusted"],
        ["alias.secure.test", "Verified"],
      ].map(([id, verdict]) => ({ id, ours: verdict, theirs: verdict })),
    );
  }, 60_000);

  test("on certificates of every kind, where nothing is signed", async () => {
    const verdicts = CERTIFICATE_KINDS.map((kind) => {
      const verdict = { valid: "Verified", none: "none" }[kind as string] ?? "Untrusted";
      return { id: kind, ours: verdict, theirs: verdict };
    });
    expect(await judge("certificates")).toEqual(verdicts);
  }, 60_000);
});
