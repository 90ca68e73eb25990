/** After delivery, refusal, hold, delay, reload and crash, the words of a message are nowhere they do not belong. */
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { filesUnder, leaksIn } from "../support/canary.ts";
import { CARBON, CONTENT, ECHO, RECIPIENT, SENDER, tellLeakStory, withoutAddresses } from "../support/leak-story.ts";
import type { LeakStory } from "../support/leak-story.ts";
import { SENDER_HOST } from "../support/never-clear-run.ts";

const WORDS = [...Object.values(CONTENT), "John Smith", "219-09-9997", "48210377"];
const ADDRESSES = [SENDER, RECIPIENT, CARBON];

let story: LeakStory;
beforeAll(async () => {
  story = await tellLeakStory();
}, 90_000);
afterAll(() => story.world.close());

function stateOf(domain: string): Promise<readonly string[]> {
  const id = story.ids.get(domain) ?? "";
  return story.world.recipients(id).then((rows) => rows.map(({ state }) => state));
}

describe("the story happened", () => {
  test.each([
    ["good", "delivered"],
    ["large", "delivered"],
    ["plain", "held"],
    ["lost", "deferred"],
    ["greylist", "deferred"],
    ["mail", "deferred"],
    ["starttls", "deferred"],
    ["injected", "deferred"],
    ["garbage", "deferred"],
    ["banner", "deferred"],
    ["ehlo", "failed"],
    ["rcpt", "failed"],
    ["data", "failed"],
    ["dot", "failed"],
  ])("mail to %s is %s", async (domain, state) => {
    expect(await stateOf(domain)).toEqual([state]);
  });

  test("the canaries are found where they belong: on the verified server, under TLS", () => {
    const [taken] = story.world.server("mx.good.test").transactions;
    expect(leaksIn(taken?.bytes ?? "", WORDS)).toEqual(WORDS);
  });

  test("the sender was told of failure, hold and delay", () => {
    const told = story.world
      .server(SENDER_HOST)
      .transactions.map(({ bytes }) => /^Subject: (.*)$/m.exec(bytes.toString())?.[1]?.trim());
    expect(new Set(told)).toEqual(
      new Set(["Your message could not be delivered", "Your message is held", "Your message is delayed"]),
    );
  });
});

describe("nothing of content, replies and addresses is in", () => {
  const everything = [...WORDS, ECHO, ...ADDRESSES];

  test("the log, at its most talkative", () => {
    expect(story.world.log.length).toBeGreaterThan(60);
    expect(leaksIn(story.world.log.join(""), everything)).toEqual([]);
  });

  test("standard output and standard error of the process, over a kill, a reload and operators' acts", () => {
    expect(story.childOutput).toContain('"event":"reloaded"');
    expect(story.childOutput).toContain('"event":"recovered"');
    expect(leaksIn(story.childOutput, everything)).toEqual([]);
  });

  test("the audit", async () => {
    const rows = await story.world.postern.store.auditPage(1, 100_000);
    expect(rows.length).toBeGreaterThan(100);
    expect(leaksIn(JSON.stringify(rows), everything)).toEqual([]);
  });

  test.each(["tail -n 10000", "tail -n 10000 --json", "verify"])("what `postern audit %s` prints", (args) => {
    const printed = story.printed.get(`audit ${args}`) ?? "";
    expect(printed.length).toBeGreaterThan(50);
    expect(leaksIn(printed, everything)).toEqual([]);
  });

  test("any file of the data directory, in any encoding", () => {
    const files = filesUnder(join(story.world.folder, "data"));
    expect(files.map(({ path }) => path.replace(story.world.folder, "")).join("\n")).toMatch(
      /gateway\.db[^]*gateway\.db-wal|spool/,
    );
    expect(files.length).toBeGreaterThan(3);
    const found = files.flatMap(({ path, bytes }) => leaksIn(bytes, everything).map((word) => `${path}: ${word}`));
    expect(found).toEqual([]);
    const id = story.ids.get("good") ?? "";
    expect(files.filter(({ bytes }) => leaksIn(bytes, [id]).length > 0).length).toBeGreaterThan(0);
  });

  test("the answers to submissions that were turned away", () => {
    expect(story.refusals.filter((answer) => /^[45]\d\d /.test(answer))).toHaveLength(story.refusals.length);
    expect(leaksIn(story.refusals.join("\n"), everything)).toEqual([]);
  });
});

describe("nothing of content and replies is in", () => {
  test("what the sender is told; addresses of envelope, From and To may be", () => {
    const told = story.world.server(SENDER_HOST).allSeen;
    expect(leaksIn(told, [RECIPIENT, SENDER])).toEqual([RECIPIENT, SENDER]);
    expect(leaksIn(told, [...WORDS, ECHO, CARBON])).toEqual([]);
  });

  test("what `postern queue list` prints; it names recipients", () => {
    const printed = [story.printed.get("queue list --all"), story.printed.get("queue list --all --json")].join("\n");
    expect(printed.length).toBeGreaterThan(500);
    expect(leaksIn(withoutAddresses(printed), [...WORDS, ECHO, ...ADDRESSES])).toEqual([]);
  });
});

test("`postern queue show` and `postern trace` print the stored reply and addresses, and no content", () => {
  const printed = [...story.printed].filter(([args]) => /^(?:queue show|trace)/.test(args)).map(([, text]) => text);
  expect(printed.length).toBeGreaterThan(25);
  expect(leaksIn(printed.join("\n"), [ECHO])).toEqual([ECHO]);
  expect(leaksIn(printed.join("\n"), [...WORDS, CARBON])).toEqual([]);
});
