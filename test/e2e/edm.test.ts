/** Exact data match in the gateway: mail about a patient of the index is protected although it says nothing medical, and an index can be renewed. */
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { asCliError } from "../../src/cli/start-error.ts";
import type { CliError } from "../../src/cli/cli-error.ts";
import { runCli } from "../support/child-gateway.ts";
import { runDlp } from "../support/dlp-command.ts";
import { mail, World } from "../support/world.ts";

const PACK = `version: 1
pack: own
detectors: [{ id: own.patient, type: edm, index: patients }]
rules: [{ id: own.patient, action: protect, when: { any_of: [own.patient] } }]
`;
const CSV = `First name,Last name,DOB,MRN,Phone
Anna,Smith,3/4/1962,00482103,(217) 555-0143
María José,O'Brien-López,12/1/1980,00482119,(217) 555-0188
`;
const LATER = `${CSV}Bob,Long,5/6/1990,00482127,(217) 555-0160\n`;
let world: World;
let folder = "";
const file = (name: string): string => join(folder, name);

async function build(csv: string, out: string, key = "edm.key"): Promise<void> {
  writeFileSync(file("patients.csv"), csv);
  const { error } = await runDlp(
    "edm",
    "build",
    file("patients.csv"),
    "--out",
    file(out),
    "--key",
    `file:${file(key)}`,
  );
  expect(error).toBeNull();
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "postern-edm-"));
  mkdirSync(file("packs"));
  writeFileSync(file("packs/own.yaml"), PACK);
  writeFileSync(file("edm.key"), "0f".repeat(32), { mode: 0o600 });
  writeFileSync(file("other.key"), "a1".repeat(32), { mode: 0o600 });
  await build(CSV, "patients.edm");
  const edm = [{ name: "patients", file: file("patients.edm"), key: `file:${file("edm.key")}` }];
  world = await World.start({
    zone: { "friend.test": { MX: [[10, "mx.friend.test"]] } },
    servers: [{ name: "mx.friend.test", address: "127.14.1.10", certificate: "valid" }],
    packs: [file("packs/own.yaml")],
    config: { dlp: { packs: [file("packs/own.yaml")], edm } },
  });
  vi.stubEnv("POSTERN_CONFIG", world.configPath);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await world.close();
  rmSync(folder, { recursive: true });
});

const HEADER = [
  "From: a@clinic.test",
  "To: b@friend.test",
  "MIME-Version: 1.0",
  "Content-Type: text/plain; charset=utf-8",
];

function mailOf(subject: string, ...lines: readonly string[]): Buffer {
  return mail([...HEADER.slice(0, 2), `Subject: ${subject}`, ...HEADER.slice(2), "", ...lines]);
}

async function verdictOf(bytes: Buffer): Promise<string> {
  const id = await world.accept({ mailFrom: "a@clinic.test", rcptTo: ["b@friend.test"], bytes });
  await world.settled(id, ["delivered"]);
  const event = (await world.audit(id)).find((row) => row.kind === "inspected")?.event;
  return (event as { findings: { verdict: string } }).findings.verdict;
}

describe("mail that names a patient by two things known of him needs protection", () => {
  test.each([
    ["name and birth date", "The family of Anna Smith (3/4/1962) asks for a call back."],
    ["surname first, date in words", "SMITH, ANNA\r\nborn on the 4th of March 1962"],
    ["zero-width characters and full-width digits", "A\u200bnna Smi\u200bth, ３/４/１９６２"],
    ["accents left out, hyphen and apostrophe lost", "maria lopez, 1980-12-01"],
    ["record number with separators", "Anna Smith: 48-21-03"],
    ["telephone", "call Jose Obrien, +1 217 555 0188"],
  ])("%s", async (_, text) => expect(await verdictOf(mailOf("Hello", text))).toBe("phi"));

  test("in a mail that a thread of its own inspects", async () => {
    const filler = Array.from(
      { length: 2_000 },
      () => "We met on the terrace and spoke about the budget of the garden.",
    );
    expect(await verdictOf(mailOf("Hello", ...filler, "Anna Smith, 3/4/1962"))).toBe("phi");
  });

  test.each([
    ["the name alone", "Anna Smith wrote the newsletter."],
    ["the birth date of somebody else", "Anna Smith will be here on 12/1/1980."],
    ["a number like a record number", "order 00482103 is on its way"],
    ["nobody of the index", "Bob Long, 5/6/1990"],
  ])("and %s does not", async (_, text) => expect(await verdictOf(mailOf("Hello", text))).toBe("clean"));
});

test("what is found tells no value and no row; explain tells which fields met", async () => {
  writeFileSync(file("m.eml"), mailOf("Hello", "Anna Smith, 3/4/1962"));
  const { output } = await runDlp("explain", "--pack", file("packs/own.yaml"), file("m.eml"));
  expect(output).toContain("level 95, name and birth_date of one row");
  expect(output).not.toMatch(/anna|smith|1962|row 0/i);
  const json = await runDlp("explain", "--json", "--pack", file("packs/own.yaml"), file("m.eml"));
  expect(JSON.parse(json.output)).toMatchObject({ findings: [{ fields: ["name", "birth_date"] }] });
});

const LATER_MAIL = mailOf("Hello", "Bob Long, 5/6/1990");

test("a damaged index or one of another key refuses the reload, and the one before stays in force", async () => {
  copyFileSync(file("patients.edm"), file("good.edm"));
  const bytes = readFileSync(file("good.edm"));
  bytes[bytes.length - 9] = (bytes[bytes.length - 9] ?? 0) ^ 1;
  for (const [harm, code] of [
    [() => writeFileSync(file("patients.edm"), bytes), "PST-EDM-002"],
    [() => build(LATER, "patients.edm", "other.key"), "PST-EDM-003"],
  ] as const) {
    await harm();
    const error = await world.postern.reload(world.postern.config()).then(
      () => null,
      (reason: unknown) => asCliError(reason) as CliError,
    );
    expect(error?.lines[0]).toContain(code);
    expect(world.log.some((line) => line.includes("edm_index_refused") && line.includes(code))).toBe(true);
  }
  expect(await verdictOf(mailOf("Hello", "Anna Smith, 3/4/1962"))).toBe("phi");
  expect(await verdictOf(LATER_MAIL)).toBe("clean");
});

test("a new index is in force after a reload", async () => {
  await build(LATER, "patients.edm");
  await world.postern.reload(world.postern.config());
  expect(await verdictOf(LATER_MAIL)).toBe("phi");
  expect(await verdictOf(mailOf("Hello", "Anna Smith, 3/4/1962"))).toBe("phi");
});

test("an index that nobody builds anew is an alert, until one is, and config check warns of it", async () => {
  const codes = (): readonly string[] => world.postern.watching.alerts().map(({ code }) => code);
  const now = vi.spyOn(Date, "now").mockReturnValue(Date.now() - 8 * 86_400_000);
  try {
    await build(LATER, "patients.edm");
  } finally {
    now.mockRestore();
  }
  await world.postern.reload(world.postern.config());
  await world.postern.watching.look();
  expect(codes()).toContain("PST-EDM-007");
  const { output } = await runCli(["config", "check", world.configPath]);
  expect(output).toContain("dlp.edm[0]: PST-EDM-007 patients was built 8 days ago");
  await build(LATER, "patients.edm");
  await world.postern.reload(world.postern.config());
  await world.postern.watching.look();
  expect(codes()).not.toContain("PST-EDM-007");
});
