import { describe, expect, test } from "vitest";
import { Shares } from "./shares.ts";
import type { ShareOptions } from "./shares.ts";

const options: ShareOptions = {
  inFlightRecipientsMax: 1000,
  arrivalsShare: 0.25,
  laneShare: 0.25,
  senderShare: 0.5,
  recipientsPerDelivery: 20,
  windowInitial: 5,
  perLaneMax: 100,
  perUnknownLaneMax: 100,
  unknownMax: 1000,
  unknownMs: 30_000,
  unknownShare: 1,
};

const clock = { monotonic: () => 0 };

const many = (count: number, lane: string, sender = "s") => ({
  sender,
  lanes: Array.from({ length: count }, () => lane),
});

/** Claims as often as anything may be claimed for these lanes, as the queue would hand it out. */
function fill(shares: Shares, lanes: readonly string[], sender = (lane: string) => lane): void {
  for (let isMoving = true; isMoving;) {
    isMoving = false;
    for (const lane of lanes) {
      const { fullLanes, fullSenders } = shares.forClaim();
      if (shares.claimable <= 0 || fullLanes.includes(lane) || fullSenders.includes(sender(lane))) continue;
      shares.add({ lane, sender: sender(lane) }, "claimed");
      isMoving = true;
    }
  }
}

describe("places", () => {
  test.each([1, 4, 20, 100])("%i lanes that never end leave room for one more", (count) => {
    const shares = new Shares(options, clock);
    fill(
      shares,
      Array.from({ length: count }, (_, n) => `slow ${n}`),
    );
    expect(shares.free).toBeGreaterThan(1000 / (2 * count + 4));
    expect(shares.fits(many(1, "live"))).toBe(true);
    shares.add({ lane: "live", sender: "x" }, "arrived");
    expect(shares.forClaim().fullLanes).not.toContain("live");
  });

  test("one sender with a destination each cannot take what another needs", () => {
    const shares = new Shares(options, clock);
    fill(
      shares,
      Array.from({ length: 3000 }, (_, n) => `lane ${n}`),
      () => "blast",
    );
    expect(shares.inFlight).toBeLessThanOrEqual(334);
    // Its backlog leaves room for what it sends now, and that in turn for its backlog and for others.
    expect(shares.fits({ sender: "blast", lanes: ["another"] })).toBe(true);
    while (shares.fits({ sender: "blast", lanes: ["another"] }))
      shares.add({ sender: "blast", lane: `${shares.free}` }, "arrived");
    expect(shares.inFlight).toBeLessThanOrEqual(556);
    expect(shares.fits({ sender: "single", lanes: ["another"] })).toBe(true);
  });

  test("what a sender sends now keeps its backlog from nothing", () => {
    const shares = new Shares(options, clock);
    for (let n = 0; shares.fits({ sender: "busy", lanes: [`lane ${n}`] }); n += 1)
      shares.add({ sender: "busy", lane: `lane ${n}` }, "arrived");
    expect(shares.forClaim().fullSenders).toEqual([]);
    expect(shares.forClaim().perSenderMax).toBeGreaterThan(100);
  });

  test("what is claimed from the queue leaves places for mail that just arrives", () => {
    const shares = new Shares(
      {
        ...options,
        laneShare: 1,
        senderShare: 1,
        windowInitial: 1000,
        perUnknownLaneMax: 1000,
      },
      clock,
    );
    fill(shares, ["a", "b", "c"]);
    expect(shares.claimable).toBe(0);
    expect(shares.free).toBe(250);
    expect(shares.fits(many(250, "d", "t"))).toBe(true);
    expect(shares.fits(many(251, "d", "t"))).toBe(false);
  });

  test("a lane has no more in flight than deliveries that may run can take, and more as its window grows", () => {
    const shares = new Shares(options, clock);
    fill(shares, ["a"]);
    expect(shares.inFlight).toBe(100);
    shares.learn("a", 8);
    fill(shares, ["a"]);
    expect(shares.inFlight).toBe(160);
    shares.learn("a", 1);
    expect(shares.forClaim().fullLanes).toEqual(["a"]);
  });

  test("a lane nobody knows of gets few places, and all of them together; one that answered is known until it rests", () => {
    const shares = new Shares({ ...options, perUnknownLaneMax: 10, unknownMax: 25 }, clock);
    for (let n = 0; n < 10; n += 1) shares.add({ lane: "a", sender: "s" }, "claimed");
    for (let n = 0; n < 9; n += 1) shares.add({ lane: "b", sender: "s" }, "claimed");
    expect(shares.forClaim()).toMatchObject({ fullLanes: ["a"], knownLanes: [], unknownMax: 6, perUnknownLaneMax: 10 });
    shares.learn("a", 5);
    expect(shares.forClaim()).toMatchObject({ fullLanes: [], knownLanes: ["a"], unknownMax: 16 });
    shares.unlearn("a");
    expect(shares.forClaim()).toMatchObject({ fullLanes: ["a"], knownLanes: [], unknownMax: 6 });
    shares.learn("a", 5);
    shares.remove({ lane: "b", sender: "s" }, "claimed");
    expect(shares.forClaim()).toMatchObject({ unknownMax: 17 });
    // What arrives goes on at once all the same, and takes nothing from what is claimed.
    expect(shares.fits(many(91, "b", "t"))).toBe(true);
    for (let n = 0; n < 50; n += 1) shares.add({ lane: "c", sender: "t" }, "arrived");
    expect(shares.forClaim()).toMatchObject({ unknownMax: 17 });
  });

  test("lanes that hear nothing keep those nobody knows of from places for a while only, and get no more themselves", () => {
    let now = 0;
    const shares = new Shares({ ...options, perUnknownLaneMax: 5, unknownMax: 10 }, { monotonic: () => now });
    for (const lane of ["a", "b"]) for (let n = 0; n < 5; n += 1) shares.add({ lane, sender: "s" }, "claimed");
    now = 29_999;
    expect(shares.forClaim()).toMatchObject({ unknownMax: 0 });
    now = 30_000;
    expect(shares.forClaim()).toMatchObject({ fullLanes: ["a", "b"], unknownMax: 10 });
    for (let n = 0; n < 5; n += 1) shares.remove({ lane: "a", sender: "s" }, "claimed");
    shares.add({ lane: "a", sender: "s" }, "claimed");
    expect(shares.forClaim()).toMatchObject({ fullLanes: ["b"], unknownMax: 9 });
  });

  test("lanes that hear nothing for long leave places for those that answer, however many they are", () => {
    let now = 0;
    const shares = new Shares({ ...options, unknownMax: 100, unknownShare: 0.8 }, { monotonic: () => now });
    let lanes = 0;
    for (; now < 3_600_000; now += 30_000) {
      for (let left = shares.forClaim().unknownMax; left > 0; left -= 1) {
        shares.add({ lane: `silent ${++lanes}`, sender: `${lanes}` }, "claimed");
      }
    }
    expect([lanes, shares.claimable]).toEqual([600, 150]);
  });

  test("a lane that answered after its last recipient had ended is known, too, and the thousand latest are", () => {
    const shares = new Shares(options, clock);
    for (let n = 0; n <= 1_000; n += 1) shares.learn(`lane ${n}`, 5);
    const { knownLanes } = shares.forClaim();
    expect([knownLanes.length, knownLanes.at(0), knownLanes.at(-1)]).toEqual([1_000, "lane 1", "lane 1000"]);
  });

  test("what is given back is free again, and a lane without anything in flight is forgotten", () => {
    const shares = new Shares(options, clock);
    fill(shares, ["a", "b"]);
    shares.learn("a", 1);
    for (let left = shares.inFlight; left > 0; left -= 1)
      shares.remove({ lane: left % 2 === 0 ? "a" : "b", sender: left % 2 === 0 ? "a" : "b" }, "claimed");
    expect(shares.inFlight).toBe(0);
    expect(shares.forClaim()).toEqual({
      fullLanes: [],
      fullSenders: [],
      perLaneMax: 100,
      perSenderMax: 500,
      knownLanes: ["a"],
      unknownMax: 750,
      perUnknownLaneMax: 100,
    });
    expect(shares.fits(many(100, "a"))).toBe(true);
    expect(shares.fits(many(101, "a"))).toBe(false);
  });
});
