import { expect, test } from "vitest";
import type { Alert } from "../../core/alert.ts";
import { StandingFalls } from "./standing-falls.ts";

const facts = { from: "dane", to: "pkix" };

test("a few domains have an alert each, and all further ones one together; each ends with its domains", () => {
  const standing = new Map<string, readonly Alert[]>();
  const falls = new StandingFalls((topic, present) => {
    if (present.length === 0) standing.delete(topic);
    else standing.set(topic, present);
  });
  for (let n = 0; n < 3_000; n += 1) falls.begin(`d${n}.test`, facts);
  for (let n = 0; n < 3_000; n += 1) falls.begin(`d${n}.test`, facts);
  expect([standing.size, falls.size]).toEqual([11, 3_000]);
  expect(standing.get("downgrade d0.test")).toEqual([{ code: "PST-MON-027", facts }]);
  expect(standing.get("downgrade")).toEqual([{ code: "PST-MON-027", facts: { further_domains: 2_990 } }]);
  falls.end("d0.test");
  falls.end("d2999.test");
  falls.end("never.test");
  expect([standing.size, standing.get("downgrade")?.[0]?.facts]).toEqual([10, { further_domains: 2_989 }]);
  for (let n = 0; n < 3_000; n += 1) falls.end(`d${n}.test`);
  expect([standing.size, falls.size]).toEqual([0, 0]);
});
