import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { jsonLines, runDlp } from "../../../../test/support/dlp-command.ts";
import { Finding } from "../../cli-error.ts";

const PACK = `version: 1
pack: p
detectors:
  - { id: one, type: dictionary, terms: [apple] }
  - { id: two, type: dictionary, terms: [pear] }
rules:
  - { id: r.one, action: protect, when: { any_of: [one] } }
  - { id: r.two, action: tag, when: { any_of: [two] } }
`;
let folder = "";
const file = (name: string): string => join(folder, name);
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-replay-"));
  mkdirSync(file("mails"));
  writeFileSync(file("mails/a.eml"), "Subject: x\r\n\r\napple");
  writeFileSync(file("mails/b.eml"), "Subject: x\r\n\r\npear");
  writeFileSync(file("mails/c.eml"), "Subject: x\r\n\r\nplum");
  writeFileSync(file("old.yaml"), PACK);
  writeFileSync(
    file("new.yaml"),
    PACK.replace("id: r.one, ", "id: r.one, tier: high, ").replace("action: tag", "action: hold"),
  );
});
afterAll(() => rmSync(folder, { recursive: true }));

const replay = (now: string, against: string, ...more: readonly string[]): ReturnType<typeof runDlp> =>
  runDlp("replay", "--pack", file(now), "--against", file(against), ...more, file("mails"));

describe("dlp replay", () => {
  test("says which messages change and by which rules", async () => {
    const { output, error } = await replay("old.yaml", "new.yaml", "--json");
    expect(error).toBeInstanceOf(Finding);
    const [a, b, sums, ...more] = jsonLines(output);
    expect(a).toEqual({
      file: file("mails/a.eml"),
      now: { verdict: "phi", tier: "low" },
      against: { verdict: "phi", tier: "high" },
      gained: ["r.one (tier high)"],
      lost: ["r.one"],
    });
    expect(b).toEqual({
      file: file("mails/b.eml"),
      now: { verdict: "clean", tier: "none" },
      against: { verdict: "phi", tier: "low" },
      gained: ["r.two (hold)"],
      lost: ["r.two (tag r.two)"],
    });
    expect(sums).toMatchObject({ messages: 3, changed: 2 });
    expect(more).toEqual([]);
  });

  test("shows people a table, and the sums by rule", async () => {
    const { output } = await replay("old.yaml", "new.yaml");
    expect(output).toMatch(/^2 of 3 messages change\nFILE +NOW +AGAINST +GAINED +LOST\n/);
    expect(output).toMatch(/\nr\.one \(tier high\) +1 +0\n/);
  });

  test("takes rules in shadow for active where it is told to", async () => {
    writeFileSync(file("now.yaml"), PACK.replace("id: r.two,", "id: r.two, status: off,"));
    writeFileSync(
      file("shadow.yaml"),
      PACK.replace("id: r.two, action: tag", "id: r.two, status: shadow, action: hold"),
    );
    const quiet = await replay("now.yaml", "shadow.yaml");
    expect(quiet.output).toBe("0 of 3 messages change\n");
    const { output } = await replay("now.yaml", "shadow.yaml", "--activate", "--json");
    expect(output.split("\n")[0]).toContain('"gained":["r.two (hold)"]');
  });

  test("ends well where nothing changes", async () => {
    const { output, error } = await replay("old.yaml", "old.yaml");
    expect(error).toBeNull();
    expect(output).toBe("0 of 3 messages change\n");
  });
});

test("that there was nothing to compare is told", async () => {
  mkdirSync(file("nothing"));
  const { complaints } = await runDlp("replay", "--against", file("old.yaml"), file("nothing"));
  expect(complaints).toContain("no file to look at");
});

test("paths may stand behind --pack", async () => {
  const { output, error } = await runDlp("scan", "--json", "--pack", file("old.yaml"), file("mails/a.eml"));
  expect(error).toBeInstanceOf(Finding);
  expect(output).toContain('"rules":["r.one"]');
});
