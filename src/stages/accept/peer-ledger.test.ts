import { afterEach, describe, expect, test } from "vitest";
import { closeAll, Dialog, listen } from "./accept.suite.ts";
import { ACCEPT_LIMIT_DEFAULTS } from "./options.ts";
import { PeerLedger } from "./peer-ledger.ts";

afterEach(closeAll);

const LIMITS = { ...ACCEPT_LIMIT_DEFAULTS, badCommandsPerPeerMax: 2, authFailuresPerPeerMax: 1, peerWindowMs: 1_000 };

describe("the ledger", () => {
  test("bars a peer for what it did too often, and for nothing else, until the window is over", () => {
    let now = 0;
    const ledger = new PeerLedger(LIMITS, () => now);
    ledger.note("a", "badCommands");
    expect(ledger.isBarred("a", "badCommands")).toBe(false);
    ledger.note("a", "badCommands");
    expect([ledger.isBarred("a", "badCommands"), ledger.isBarred("a", "authFailures")]).toEqual([true, false]);
    expect(ledger.isBarred("b", "badCommands")).toBe(false);
    now = 999;
    expect(ledger.isBarred("a", "badCommands")).toBe(true);
    now = 1_000;
    expect(ledger.isBarred("a", "badCommands")).toBe(false);
    ledger.note("a", "badCommands");
    expect(ledger.isBarred("a", "badCommands")).toBe(false);
  });

  test("forgets the peer it has not heard of for longest when it is full", () => {
    const ledger = new PeerLedger(LIMITS, () => 0);
    ledger.note("first", "authFailures");
    ledger.note("second", "authFailures");
    for (let n = 0; n < 9_998; n += 1) ledger.note(`peer-${n}`, "badCommands");
    ledger.note("first", "badCommands");
    ledger.note("one more", "badCommands");
    expect([ledger.isBarred("first", "authFailures"), ledger.isBarred("second", "authFailures")]).toEqual([
      true,
      false,
    ]);
  });
});

test("a peer that sends too many bad commands over its connections is turned away, here and at its next connection", async () => {
  const { dial, port } = await listen({ limits: { badCommandsMax: 2, badCommandsPerPeerMax: 3 } });
  const first = await dial();
  await first.sayAll("NONSENSE", "NONSENSE");
  const second = await dial();
  expect(await second.say("NONSENSE")).toBe("421 4.7.0 Too many errors from your address; try again later");
  expect(await second.reply()).toBe("closed");
  const third = Dialog.to(port);
  expect(await third.reply()).toBe("421 4.7.0 Too many errors from your address; try again later");
});
