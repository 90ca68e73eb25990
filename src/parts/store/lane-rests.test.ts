import { expect, test } from "vitest";
import { LaneRests } from "./lane-rests.ts";

const LANES = ["a", "b", "c"];

function resting(): LaneRests {
  const rests = new LaneRests();
  for (const lane of LANES) rests.set(lane, 1_000);
  return rests;
}

test("lanes come in turn, and who was not looked at keeps its place", () => {
  const rests = resting();
  const seen: string[] = [];
  for (let look = 0; look < 6; look += 1) {
    for (const { lane } of rests.nextResting(0, 256)) {
      seen.push(lane);
      break;
    }
  }
  expect(seen).toEqual([...LANES, ...LANES]);
});

test("one look visits each lane once, no more than were asked for, and none that does not rest", () => {
  const rests = resting();
  expect([...rests.nextResting(0, 256)].map(({ lane }) => lane)).toEqual(LANES);
  expect([...rests.nextResting(0, 2)].map(({ lane }) => lane)).toEqual(["a", "b"]);
  rests.set("a", null);
  rests.probe("b", 0);
  rests.set("c", 0);
  expect([...rests.nextResting(0, 256)]).toEqual([{ lane: "b", isProbing: true }]);
});
