import { describe, expect, test } from "vitest";
import { RUNGS, meetsRung } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";
import { usableDane } from "../../../test/support/dane-rig.ts";
import { makeRequest, mailbox } from "../../../test/support/deliver-rig.ts";
import { NO_EXTENSIONS } from "./extensions.ts";
import type { Extensions } from "./extensions.ts";
import type { AskedDane } from "./dane-demand.ts";
import type { Demand } from "./floor.ts";
import { demandOf, saysRequireTls, shortfall } from "./floor.ts";

const NOTHING: Demand["asked"] = { dane: { kind: "none" }, sts: { kind: "none" } };
const NO_DEMAND: Demand = {
  minRung: "plain",
  asked: NOTHING,
  requireTls: "off",
  requireTlsRung: "pkix-dnssec-mx",
  eightBitMime: false,
  smtpUtf8: false,
};
const session = (rung: Rung, extensions: Partial<Extensions> = {}) => ({
  rung,
  tls: null,
  dane: { state: "usable", matched: rung.startsWith("dane") ? "3 1 1 00" : null, refused: null } as const,
  rule: null,
  extensions: { ...NO_EXTENSIONS, ...extensions },
});

const RECORD = { usage: 3, selector: 1, matching: 1, data: new Uint8Array(32) };
function stateOf(kind: AskedDane["kind"]): AskedDane {
  return kind === "usable" ? usableDane([RECORD], ["mx.test"]) : { kind };
}

describe("the gate before MAIL", () => {
  test("holds every pair of rung and floor to the ladder", () => {
    for (const rung of RUNGS) {
      for (const minRung of RUNGS) {
        const isOpen = shortfall(session(rung), { ...NO_DEMAND, minRung }) === null;
        expect([rung, minRung, isOpen]).toEqual([rung, minRung, meetsRung(rung, minRung)]);
      }
    }
  });

  test.each<[Partial<Demand>, Rung, Partial<Extensions>, readonly string[]]>([
    [{ requireTls: "require" }, "pkix-dnssec-mx", { requireTls: true }, []],
    [{ requireTls: "require" }, "pinned", { requireTls: true }, []],
    [{ requireTls: "require" }, "pkix-dnssec-mx", {}, ["REQUIRETLS"]],
    [{ requireTls: "require" }, "pkix", { requireTls: true }, ["REQUIRETLS"]],
    [{ requireTls: "require", requireTlsRung: "pkix" }, "pkix", { requireTls: true }, []],
    [{ requireTls: "require" }, "tls-unauthenticated", { requireTls: true }, ["REQUIRETLS"]],
    [{ requireTls: "require" }, "plain", { requireTls: true }, ["REQUIRETLS"]],
    [{ requireTls: "prefer" }, "plain", {}, []],
    [{ smtpUtf8: true, eightBitMime: true }, "plain", {}, ["SMTPUTF8", "8BITMIME"]],
    [{ smtpUtf8: true, eightBitMime: true }, "plain", { eightBitMime: true }, ["SMTPUTF8"]],
    [{ smtpUtf8: true, eightBitMime: true }, "plain", { eightBitMime: true, smtpUtf8: true }, []],
  ])("%j on %s with %j lacks %j", (demand, rung, extensions, missing) => {
    const lacking = shortfall(session(rung, extensions), { ...NO_DEMAND, ...demand });
    expect(lacking?.kind === "below" ? lacking.missing : []).toEqual(missing);
  });

  test.each<[AskedDane["kind"], readonly Rung[]]>([
    ["none", RUNGS],
    ["unusable", RUNGS.filter((rung) => rung !== "plain")],
    ["usable", ["dane", "dane-insecure-mx"]],
  ])("where DNS holds %s records, a session for ordinary mail has one of the rungs %j", (dane, rungs) => {
    const open = RUNGS.filter(
      (rung) => shortfall(session(rung), { ...NO_DEMAND, asked: { ...NOTHING, dane: stateOf(dane) } }) === null,
    );
    expect(open).toEqual(rungs);
    const verdicts = RUNGS.map(
      (rung) => shortfall(session(rung), { ...NO_DEMAND, asked: { ...NOTHING, dane: stateOf(dane) } })?.kind ?? "open",
    );
    expect(new Set(verdicts)).toEqual(new Set(dane === "none" ? ["open"] : ["open", "violated"]));
  });

  test.each<[Demand["requireTls"], Rung, Partial<Extensions>, boolean]>([
    ["off", "dane", { requireTls: true }, false],
    ["prefer", "dane", { requireTls: true }, true],
    ["prefer", "dane", {}, false],
    ["prefer", "pkix", { requireTls: true }, false],
    ["require", "sts-enforce", { requireTls: true }, true],
  ])("REQUIRETLS %s on %s with %j is said: %j", (requireTls, rung, extensions, isSaid) => {
    expect(saysRequireTls(session(rung, extensions), { ...NO_DEMAND, requireTls })).toBe(isSaid);
  });

  test("a non-ASCII local part of sender or recipient demands SMTPUTF8 by itself", () => {
    const plain = makeRequest({ hosts: [] });
    const utf8Sender = makeRequest({ hosts: [], envelope: { sender: mailbox("jürgen@clinic.test") } });
    const utf8Recipient = makeRequest({ hosts: [], to: ["jürgen@clinic.test"] });
    const demands = [plain, utf8Sender, utf8Recipient].map(
      (request) => demandOf(request, NOTHING, request.recipients).smtpUtf8,
    );
    expect(demands).toEqual([false, true, true]);
  });
});
