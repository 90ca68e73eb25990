import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { MissingExtension } from "../../core/outcome.ts";
import type { EnhancedStatus } from "../../core/status.ts";
import type { ReplyPhase } from "./reply-table.ts";
import { classifyReply } from "./reply-table.ts";

const PHASES: readonly ReplyPhase[] = ["greeting", "ehlo", "starttls", "ehlo2", "mail", "rcpt", "data", "body", "dot"];

/** Action, code and status in one word. */
function classify(phase: ReplyPhase, text: string, used: readonly MissingExtension[] = []): string {
  const [code = "", enhanced] = text.split(" ");
  const verdict = classifyReply(
    phase,
    { code: Number(code), enhanced: (enhanced as EnhancedStatus | undefined) ?? null },
    used,
  );
  const parts = [
    verdict.action,
    "code" in verdict ? verdict.code.slice(-3) : "",
    "status" in verdict ? verdict.status : "",
  ];
  return parts.filter((part) => part !== "").join(" ");
}

type Row = readonly [phase: ReplyPhase, reply: string, expected: string, used?: readonly MissingExtension[]];

const ROWS: readonly Row[] = [
  ["greeting", "220", "proceed"],
  ["greeting", "250", "next-host 004 4.5.0"],
  ["greeting", "421", "next-host 036 4.3.2"],
  ["greeting", "421 4.7.0", "lane-deferred 006 4.7.0"],
  ["greeting", "450 4.7.1", "lane-deferred 006 4.7.1"],
  ["greeting", "554", "next-host 005 4.3.2"],
  ["greeting", "554 5.7.1", "lane-deferred 006 4.7.0"],
  ["ehlo", "250", "proceed"],
  ["ehlo", "502", "use-helo"],
  ["ehlo", "550 5.7.1", "lane-deferred 006 4.7.0"],
  ["ehlo", "451", "next-host 005 4.3.2"],
  ["ehlo2", "502", "next-host 005 4.3.2"],
  ["starttls", "220", "proceed"],
  ["starttls", "454 4.7.0", "next-host 011 4.7.0"],
  ["starttls", "501", "below-floor 007"],
  ["starttls", "554 5.7.3", "lane-deferred 006 4.7.0"],
  ["starttls", "250", "next-host 004 4.5.0"],
  ["mail", "250", "proceed"],
  ["mail", "421", "next-host 036 4.3.2"],
  ["mail", "452 4.3.1", "next-host 021 4.3.1"],
  ["mail", "451 4.1.8", "recipient-deferred 021 4.1.8"],
  ["mail", "450 4.7.1", "recipient-deferred 021 4.7.1"],
  ["mail", "530", "lane-deferred 024 4.7.0"],
  ["mail", "530 5.7.0", "lane-deferred 024 4.7.0"],
  ["mail", "550 5.7.1", "failed 020 5.7.1"],
  ["mail", "552", "failed 016 5.3.4"],
  ["mail", "552 5.3.4", "failed 016 5.3.4"],
  ["mail", "555", "failed 020 5.0.0"],
  ["mail", "555", "missing 013", ["8BITMIME"]],
  ["mail", "555", "missing 014", ["SMTPUTF8", "8BITMIME"]],
  ["mail", "555", "missing 015", ["REQUIRETLS", "SMTPUTF8"]],
  ["mail", "554 5.6.3", "missing 013", ["8BITMIME"]],
  ["mail", "554 5.6.3", "failed 020 5.6.3"],
  ["mail", "550 5.7.30", "missing 015", ["REQUIRETLS"]],
  ["rcpt", "250", "proceed"],
  ["rcpt", "251", "proceed"],
  ["rcpt", "450 4.7.1", "recipient-deferred 018 4.7.1"],
  ["rcpt", "451", "recipient-deferred 018 4.0.0"],
  ["rcpt", "452", "recipient-deferred 019 4.5.3"],
  ["rcpt", "452 4.2.2", "recipient-deferred 018 4.2.2"],
  ["rcpt", "530", "lane-deferred 024 4.7.0"],
  ["rcpt", "550 5.1.1", "failed 017 5.1.1"],
  ["rcpt", "550", "failed 017 5.0.0"],
  ["rcpt", "550 5.5.3", "recipient-deferred 019 4.5.3"],
  ["rcpt", "552", "recipient-deferred 019 4.5.3"],
  ["rcpt", "552 5.2.2", "failed 017 5.2.2"],
  ["rcpt", "552 5.3.4", "failed 016 5.3.4"],
  ["rcpt", "553 5.6.7", "missing 014", ["SMTPUTF8"]],
  ["rcpt", "354", "next-host 004 4.5.0"],
  ["data", "354", "proceed"],
  ["data", "250", "next-host 004 4.5.0"],
  ["data", "503", "next-host 004 4.5.0"],
  ["data", "451", "recipient-deferred 023 4.0.0"],
  ["data", "554 5.6.0", "failed 022 5.6.0"],
  ["body", "552 5.3.4", "failed 016 5.3.4"],
  ["body", "552", "failed 016 5.3.4"],
  ["body", "250", "next-host 004 4.5.0"],
  ["dot", "250", "proceed"],
  ["dot", "421", "lane-deferred 036 4.3.2"],
  ["dot", "452 4.3.1", "recipient-deferred 023 4.3.1"],
  ["dot", "552", "failed 016 5.3.4"],
  ["dot", "554 5.7.1", "failed 022 5.7.1"],
  ["dot", "554 5.6.3", "failed 022 5.6.3", ["8BITMIME"]],
  ["dot", "354", "ambiguous 025"],
];

describe("the reply table", () => {
  test.each(ROWS.map(([phase, reply, expected, used = []]) => ({ phase, reply, expected, used })))(
    "at $phase, $reply is $expected (using $used)",
    ({ phase, reply, expected, used }) => {
      expect(classify(phase, reply, used)).toBe(expected);
    },
  );

  const anyReply = fc.record({
    phase: fc.constantFrom(...PHASES),
    code: fc.integer({ min: 200, max: 599 }),
    subject: fc.integer({ min: 0, max: 7 }),
    detail: fc.integer({ min: 0, max: 30 }),
    hasEnhanced: fc.boolean(),
    used: fc.subarray<MissingExtension>(["8BITMIME", "SMTPUTF8", "REQUIRETLS"]),
  });

  test("never proceeds on 4xx or 5xx, never fails on 2xx to 4xx, and knows every reply", () => {
    fc.assert(
      fc.property(anyReply, ({ phase, code, subject, detail, hasEnhanced, used }) => {
        const replyClass = Math.floor(code / 100);
        const enhanced =
          hasEnhanced && replyClass !== 3 ? (`${replyClass}.${subject}.${detail}` as EnhancedStatus) : null;
        const verdict = classifyReply(phase, { code, enhanced }, used);
        const { action } = verdict;
        const isBeforeMail = ["greeting", "ehlo", "starttls", "ehlo2"].includes(phase);
        const broken = {
          proceedsOnRefusal: action === "proceed" && replyClass > 3,
          failsWithout5xx: (action === "failed" || action === "missing") && replyClass !== 5,
          failsBeforeMail: action === "failed" && isBeforeMail,
          ambiguousBeforeDot: action === "ambiguous" && phase !== "dot",
          sentAgainAfterDot: phase === "dot" && (action === "next-host" || action === "missing"),
          blamesUnused: action === "missing" && !used.includes(verdict.extension),
        };
        expect(Object.entries(broken).filter(([, isBroken]) => isBroken)).toEqual([]);
      }),
      { numRuns: 1000 },
    );
  });
});
