/** Policies on bad days: a slow disk, a clock that was wrong, rows of another version. */
import { afterEach, beforeEach, expect, test } from "vitest";
import { StsRig } from "../../../test/support/sts-rig.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 1_440 * MINUTE_MS;
const D = "d.test";

let rig: StsRig;
beforeEach(async () => {
  rig = await StsRig.start({});
  rig.clock.timeMs += 300 * DAY_MS;
  rig.publish(D, "a1", { mx: ["mx.d.test"] });
  await rig.policies.policyOf(D);
  await rig.policies.close();
});
afterEach(() => rig.close());

const round = (): Promise<void> => rig.policies.renewDue(new AbortController().signal);

test("what a slow disk tells does not replace the policy that was fetched meanwhile", async () => {
  rig.clock.timeMs += DAY_MS;
  await rig.restart();
  rig.publish(D, "a2", { mx: ["new.d.test"] });
  const old = structuredClone(rig.facts.stored.get(D) ?? null);
  const { promise, resolve } = Promise.withResolvers<typeof old>();
  rig.facts.get = () => promise;
  const looking = rig.policies.policyOf(D);
  await round();
  rig.host.serve(D, null);
  resolve(old);
  expect(await looking).toMatchObject({ id: "a2", mx: ["new.d.test"] });
});

test("a policy fetched under a clock far ahead is fetched again where no mail server is named", async () => {
  rig.clock.timeMs -= 300 * DAY_MS;
  expect(await rig.policies.policyOf(D)).toMatchObject({ kind: "enforce", id: "a1" });
  rig.publish(D, "a1", { mx: ["new.d.test"] });
  expect(await rig.policies.fetchedAgain(D)).toMatchObject({ mx: ["new.d.test"] });
});

test("a row of another version is kept, and stands before no other that is due", async () => {
  rig.clock.timeMs += DAY_MS;
  await rig.restart();
  const value = { version: 9 };
  rig.facts.stored.set(D, { domain: D, value, lookAt: 1, forgetAt: rig.clock.timeMs + DAY_MS });
  await round();
  expect(rig.facts.stored.get(D)).toMatchObject({ value, lookAt: rig.clock.timeMs + 60 * MINUTE_MS });
  expect(await rig.policies.policyOf(D)).toMatchObject({ kind: "unavailable" });
});
