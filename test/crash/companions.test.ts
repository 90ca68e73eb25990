/** A copy for compliance and the notices beside a mail: whenever the process dies, each is sent once, and none is lost. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test, vi } from "vitest";
import { CrashLife } from "../support/crash-life.ts";
import { quiet } from "../support/never-clear-run.ts";
import { RULE_PACK } from "../support/rule-pack.ts";

vi.setConfig({ testTimeout: 90_000 });

const MARK = "dunlin5e1";
const BYTES = Buffer.from(`From: <from@clinic.test>\r\nSubject: x\r\n\r\ncopyall protectword notifyword ${MARK}\r\n`);
const PACK = RULE_PACK.replace(
  "action: copy, only: [{ recipients: [a.test, raised.test] }]",
  "action: copy",
).replaceAll("copyword", "copyall");

test.each([
  // Before and behind the rows of plan, copy and notices; in the middle of them; and beyond, once the mail itself is on its way.
  ["plan.before-rows", 1],
  ["report.body-durable", 1],
  ["report.body-durable", 2],
  ["store.rows-of-child", 1],
  ["plan.recorded", 1],
  ["deliver.before-intent", 1],
  ["result.before-rows", 1],
])("killed at %s@%i", async (point, nth) => {
  const folder = mkdtempSync(join(tmpdir(), "postern-companions-"));
  writeFileSync(join(folder, "acts.yaml"), PACK);
  const life = await CrashLife.begin({
    dlp: {
      packs: [join(folder, "acts.yaml")],
      copy_to: ["compliance@good.test"],
      notify: ["reviewers@good.test"],
    },
  });
  try {
    const load = async (): Promise<void> => {
      await life.submit({ mailFrom: "from@clinic.test", rcptTo: ["to@good.test", "too@good.test"], bytes: BYTES });
    };
    expect(await life.dieUnder(load, { failpoints: `${point}=kill@${nth}` })).toBe("SIGKILL");
    const { chainFaults } = await life.goOn();
    await quiet(life.world);
    const taken = ["mx.good.test", "mx.clinic.test"].flatMap((name) => life.world.server(name).transactions);
    const to = (address: string): number => taken.filter(({ rcptTo }) => rcptTo.includes(address)).length;
    const marked = (await life.world.postern.store.auditPage(1, 100_000)).filter(
      ({ kind }) => kind === "possible_duplicate",
    );
    expect(to("compliance@good.test")).toBe(1);
    expect(to("reviewers@good.test")).toBe(1);
    expect(to("from@clinic.test")).toBe(1);
    expect(to("to@good.test") + to("too@good.test")).toBe(2 + marked.length);
    expect(chainFaults).toEqual([]);
  } finally {
    await life.end();
    rmSync(folder, { recursive: true, force: true });
  }
});
