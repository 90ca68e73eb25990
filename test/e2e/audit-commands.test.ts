/** The audit commands as an operator runs them, against a service that runs. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { ChildGateway, runCli } from "../support/child-gateway.ts";
import type { CommandEnd } from "../support/child-gateway.ts";
import { mail, World } from "../support/world.ts";

let world: World;
let child: ChildGateway;
let messageId = "";

const postern = (...args: readonly string[]): Promise<CommandEnd> => runCli(["--config", world.configPath, ...args]);
const file = (name: string): string => join(world.folder, name);

beforeAll(async () => {
  world = await World.start({
    zone: { "friend.test": { MX: [[10, "mx.friend.test"]] } },
    servers: [{ name: "mx.friend.test", address: "127.12.2.1", certificate: "valid" }],
    config: { listen: { port: await freePort() }, audit: { checkpoint_file: "checkpoints" } },
  });
  const bytes = mail(["From: a@clinic.test", "To: b@friend.test", "Subject: note", "", "See you at noon."]);
  messageId = await world.accept({ mailFrom: "a@clinic.test", rcptTo: ["b@friend.test"], bytes });
  await world.settled(messageId, ["delivered"]);
  await world.stopGateway();
  child = await ChildGateway.start(world.configPath);
});
afterAll(async () => {
  await child.stop();
  await world.close();
});

test("a checkpoint made now proves the audit to its end", async () => {
  const made = await postern("audit", "checkpoint");
  expect(made).toMatchObject({ code: 0, output: expect.stringMatching(/^gateway\.clinic\.test\/audit\//) as string });
  writeFileSync(file("kept"), made.output);
  const verified = await postern("audit", "verify", "--checkpoint", file("kept"));
  expect(verified).toMatchObject({ code: 0, output: expect.stringContaining("tail proven") as string });
  expect(readFileSync(file("checkpoints"), "utf8")).toContain(made.output.trim());
});

test("an export is verified elsewhere, with the verifier line alone", async () => {
  const { output: key } = await postern("audit", "key", "show", "--json");
  const { verifier } = JSON.parse(key.split("\n")[0] ?? "") as { readonly verifier: string };
  const one = file("one.jsonl");
  expect(await postern("audit", "export", "--message", messageId, "--output", one)).toMatchObject({ code: 0 });
  const elsewhere = ["audit", "verify", "--export", one, "--key", verifier];
  const verified = await runCli(elsewhere);
  expect(verified).toMatchObject({ code: 0, output: expect.stringMatching(/^\d+ of \d+ rows proved/) as string });
  writeFileSync(file("verifier.txt"), (await postern("audit", "key", "show")).output);
  expect(await runCli([...elsewhere.slice(0, -1), file("verifier.txt")])).toMatchObject({ code: 0 });
  writeFileSync(file("verifier.txt"), "not a verifier\n");
  expect(await runCli([...elsewhere.slice(0, -1), file("verifier.txt")])).toMatchObject({ code: 2 });
  writeFileSync(one, readFileSync(one, "utf8").replace('"kind":"delivered"', '"kind":"failed"'));
  expect(await runCli(elsewhere)).toMatchObject({ code: 1, output: expect.stringContaining("was changed") as string });
  expect(await postern("audit", "export", "--output", one)).toMatchObject({ code: 1 });
  expect(await runCli(["audit", "verify", "--export", file("none"), "--key", verifier])).toMatchObject({ code: 2 });
});

test("a legal hold is placed, listed and lifted, and the trace tells who and why", async () => {
  const added = await postern("audit", "hold", "add", "--message", messageId, "--reason", "matter 7");
  expect(added).toMatchObject({ code: 0, output: expect.stringContaining("matter 7") as string });
  expect((await postern("audit", "hold", "list", "--json")).output).toContain(`"messageId":"${messageId}"`);
  expect((await postern("trace", messageId)).output).toMatch(/put a legal hold on this message \(hold 1\): matter 7/);
  expect(await postern("audit", "hold", "lift", "1", "--reason", "closed")).toMatchObject({ code: 0 });
  expect((await postern("audit", "hold", "list")).output).toBe("none\n");
  const again = await postern("audit", "hold", "lift", "1", "--reason", "closed");
  expect(again).toMatchObject({ code: 1, output: expect.stringContaining("PST-AUD-007") as string });
  expect(await postern("audit", "hold", "add", "--reason", "no scope")).toMatchObject({ code: 2 });
  expect(existsSync(file("one.jsonl"))).toBe(true);
});
