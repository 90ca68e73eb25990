/**
 * The crash matrix: the process is killed at every failpoint and started again. What was acknowledged ends, nothing arrives twice
 * but where the last reply was lost, and then the audit says so; the chain is whole and no word of the mail lies on the disk.
 */
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { FAILPOINTS } from "../../src/core/failpoint.ts";
import type { Failpoint } from "../../src/core/failpoint.ts";
import { isTerminal } from "../../src/core/recipient-state.ts";
import { CrashLife } from "../support/crash-life.ts";
import type { Aftermath, MailKind } from "../support/crash-life.ts";

/** What came of the mail: `gone` was never acknowledged, `once` arrived, `twice` arrived twice and is marked, `told` was refused and its sender told. */
type End = "gone" | "once" | "once, marked" | "twice, marked" | "told";

type Row = {
  readonly point: Failpoint;
  readonly mail: MailKind;
  /** Whether the client heard 250; null where that depends on the moment. */
  readonly heard: boolean | null;
  readonly end: End;
  /** Struck in an earlier life, so that there is something to recover. */
  readonly before?: Failpoint;
  readonly thenStop?: true;
  /** Behind another mail: only there is a segment. */
  readonly isSecond?: true;
};

const BEFORE_ROWS: readonly Row[] = (
  [
    ["accept.first-byte", "small"],
    ["segment.before-create", "small"],
    ["segment.before-write", "small"],
    ["segment.before-directory-sync", "small"],
    ["segment.durable", "small"],
    ["file.before-create", "large"],
    ["file.before-write", "large"],
    ["file.before-sync", "large"],
    ["file.before-rename", "large"],
    ["file.before-directory-sync", "large"],
    ["file.durable", "large"],
    ["spool.before-rows", "small"],
    ["store.rows-of-accept", "small"],
  ] as const
).map(([point, mail]) => ({ point, mail, heard: false, end: "gone" }));

const WITH_ROWS: readonly Row[] = (["record.before-write", "record.written"] as const).map((point) => ({
  point,
  mail: "small",
  heard: false,
  end: "gone",
  isSecond: true,
}));

const BEFORE_250: readonly Row[] = (["spool.rows-durable", "queue.claimed", "accept.before-250"] as const).map(
  (point) => ({ point, mail: "small", heard: false, end: "once" }),
);

const AFTER_250: readonly Row[] = (
  [
    ["accept.after-250", "once"],
    ["inspect.done", "once"],
    ["protect.variant-stored", "once"],
    ["deliver.connected", "once"],
    ["deliver.after-mail", "once"],
    ["deliver.after-rcpt", "once"],
    ["deliver.before-intent", "once"],
    ["deliver.intent-durable", "once, marked"],
    ["deliver.dot-written", "twice, marked"],
    ["deliver.reply-read", "twice, marked"],
    ["result.before-rows", "twice, marked"],
    ["result.recorded", "once"],
  ] as const
).map(([point, end]) => ({ point, mail: "small", heard: point === "accept.after-250" ? true : null, end }));

const BESIDE: readonly Row[] = [
  { point: "plan.before-rows", mail: "slow", heard: true, end: "once" },
  { point: "plan.recorded", mail: "slow", heard: true, end: "once" },
  { point: "store.rows-of-intent", mail: "small", heard: null, end: "once" },
  { point: "store.rows-of-end", mail: "small", heard: null, end: "twice, marked" },
  { point: "report.body-durable", mail: "refused", heard: true, end: "told" },
  { point: "store.rows-of-child", mail: "refused", heard: true, end: "told" },
  { point: "recovery.before-bodies", mail: "small", heard: null, end: "twice, marked", before: "deliver.dot-written" },
  { point: "recovery.before-unlink", mail: "large", heard: false, end: "gone", before: "file.durable" },
  { point: "recovery.before-rows", mail: "small", heard: null, end: "twice, marked", before: "deliver.dot-written" },
  { point: "recovery.done", mail: "small", heard: null, end: "twice, marked", before: "deliver.dot-written" },
  { point: "store.before-checkpoint", mail: "small", heard: true, end: "once", thenStop: true },
  { point: "store.after-checkpoint", mail: "small", heard: true, end: "once", thenStop: true },
];

/** Struck in files of their own, because a serving process does not come there by itself: upkeep.test.ts, redo.test.ts. */
const ELSEWHERE: readonly Failpoint[] = [
  "record.before-sync",
  "recovery.before-redo",
  "reap.rows-gone",
  "store.migration-backed-up",
  "store.migration-before-commit",
];

const ROWS = [...BEFORE_ROWS, ...WITH_ROWS, ...BEFORE_250, ...AFTER_250, ...BESIDE];

/** Durable commits of a start and of one mail, the first of them. */
const COMMITS = [1, 2, 3, 4, 5] as const;

function endOf({ recipients, copies, marks, reports }: Aftermath): string {
  if (recipients.length === 0) return copies + marks + reports === 0 ? "gone" : "arrived without rows";
  const mark = marks === 0 ? "" : ", marked";
  if (recipients.some(({ state }) => state === "failed") && reports === 1 && copies === 0) return `told${mark}`;
  return `${{ 0: "lost", 1: "once", 2: "twice" }[copies] ?? `${copies} times`}${mark}`;
}

/** What holds whatever the point; empty where all does. */
function flawsOf(after: Aftermath, heard: boolean): readonly string[] {
  const { recipients, copies, marks, reports, chainFaults, leaks, missingBodies } = after;
  return [
    ...(heard && recipients.length === 0 ? ["an acknowledged message is not in the queue"] : []),
    ...(recipients.every(({ state }) => isTerminal(state)) ? [] : ["a recipient has not ended"]),
    ...(recipients.length > 0 && copies + reports === 0 ? ["nothing came of a stored message"] : []),
    ...(copies <= 1 + marks ? [] : [`${copies} copies and ${marks} marks`]),
    ...(after.areIdentical ? [] : ["two copies differ"]),
    ...(chainFaults.length === 0 ? [] : [`the chain: ${JSON.stringify(chainFaults)}`]),
    ...leaks.map((leak) => `plaintext in ${leak}`),
    ...(missingBodies ? ["a body of a row is missing"] : []),
  ];
}

async function inLife<T>(work: (life: CrashLife) => Promise<T>): Promise<T> {
  const life = await CrashLife.begin();
  try {
    return await work(life);
  } finally {
    await life.end();
  }
}

describe("killed at", () => {
  test.each(ROWS)("$point, a $mail mail ends $end", async ({ point, mail, heard, end, before, ...how }) => {
    await inLife(async (life) => {
      const failpoints = `${before ?? point}=kill`;
      const { death, answer } = await life.die({ failpoints }, mail, how);
      const deathAtStart = before === undefined ? null : await life.dieAtStart({ failpoints: `${point}=kill` });
      expect([death, deathAtStart]).toEqual(["SIGKILL", before === undefined ? null : "SIGKILL"]);
      const after = await life.goOn();
      expect(flawsOf(after, answer?.code === 250)).toEqual([]);
      expect(endOf(after)).toBe(end);
      expect(answer?.code === 250).toBe(heard ?? answer?.code === 250);
    });
  });

  test.each(COMMITS.flatMap((nth) => [["store.before-commit", nth] as const, ["store.after-commit", nth] as const]))(
    "%s, time %i: nothing acknowledged is lost",
    async (point, nth) => {
      await inLife(async (life) => {
        const { death, answer } = await life.dieWhenever({ failpoints: `${point}=kill@${nth}` }, "small");
        expect([death, answer?.code === 250 && nth === 1]).toEqual(["SIGKILL", false]);
        const after = await life.goOn();
        expect(flawsOf(after, answer?.code === 250)).toEqual([]);
      });
    },
  );
});

test("every failpoint is struck in some test, and stands in docs/flow.md", () => {
  const struck = [...ROWS.map(({ point }) => point), "store.before-commit", "store.after-commit", ...ELSEWHERE];
  expect(struck.toSorted()).toEqual([...FAILPOINTS].toSorted());
  const page = readFileSync(resolve(import.meta.dirname, "../../docs/flow.md"), "utf8");
  const documented = [...page.matchAll(/^\| `([a-z]+\.[a-z0-9-]+)` \|/gm)].map(([, name]) => name);
  expect(documented).toEqual([...FAILPOINTS]);
});

test("a start that is armed says so in its log and in the audit, and one that misspells arms nothing", async () => {
  await inLife(async (life) => {
    await life.die({ failpoints: "accept.after-250=kill" }, "small");
    expect(life.output).toMatch(/"level":"warn"[^\n]*"option":"failpoints"[^\n]*"event":"allowed"/);
    await life.goOn();
    const rows = await life.world.postern.store.auditPage(1, 1_000);
    const starts = rows.filter(({ kind, body }) => kind === "service" && body.includes('"started"'));
    expect(starts.map(({ body }) => body.includes('"failpoints"'))).toEqual([false, true, false]);
    await life.world.stopGateway();
    expect(await life.dieAtStart({ failpoints: "accept.after-251=kill" })).toBe(1);
    expect(life.output).toMatch(/no failpoint in[^\n]*Next: unset POSTERN_FAILPOINTS/);
  });
});
