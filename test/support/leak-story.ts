/**
 * One long story for the leak test: mail full of canaries that is delivered, refused, held, delayed and killed, to servers that
 * echo what they should not. Gathers all that was written anywhere; judges nothing.
 */
import type { MxBehaviour } from "../../src/cli/loopback/mx-behaviour.ts";
import { submit } from "../../src/cli/loopback/submit.ts";
import { nodeConfigEnvironment } from "../../src/parts/config/config-environment.ts";
import { loadConfig } from "../../src/parts/config/config.ts";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { ChildGateway, runCli } from "./child-gateway.ts";
import { patience, quiet, SENDER_HOST } from "./never-clear-run.ts";
import { eventually, mail, World } from "./world.ts";

/** Words of the content: they may be on the recipient's server under TLS, and encrypted in the spool. */
export const CONTENT = {
  subject: "wagtailsubject7f",
  text: "wagtailtext5e",
  html: "wagtailhtml4d",
  attachment: "wagtailattachment3c",
  attachmentName: "wagtailname2b",
  fromName: "Wagtail Fromname",
  toName: "Wagtail Toname",
  comments: "wagtailcomments1a",
  extraField: "wagtailfield0f",
} as const;
/** What hostile servers put into their replies, as if they quoted the message. */
export const ECHO = "wagtailecho9a";
/** Local parts; reports to the sender may name them, and the command line where an operator asks. */
export const SENDER = "nurse.wagtail";
export const RECIPIENT = "patient.wagtail";
export const CARBON = "carbon.wagtail";

const GOOD = "mx.good.test";
const MINUTE_MS = 60_000;

const ECHOING: Readonly<Record<string, MxBehaviour>> = {
  banner: { banner: `554 5.7.1 ${ECHO}` },
  ehlo: {
    extensions: [`X-${ECHO}`, "SIZE", "PIPELINING"],
    faults: { mail: { kind: "reply", text: `550 5.7.1 ${ECHO}` } },
  },
  mail: { faults: { mail: { kind: "reply", text: `451-4.3.0 ${ECHO}\r\n451 4.3.0 ${ECHO}` } } },
  rcpt: { refuseAll: `550 5.1.1 <${RECIPIENT}@rcpt.test> ${ECHO}` },
  greylist: { refuseAll: `450 4.7.1 ${ECHO}` },
  data: { faults: { data: { kind: "reply", text: `554 5.6.0 ${ECHO}` } } },
  dot: { faults: { dot: { kind: "reply", text: `550 5.7.1 Subject: ${ECHO}` } } },
  garbage: { faults: { rcpt: { kind: "reply", text: `${ECHO} is no reply` } } },
  starttls: { faults: { starttls: { kind: "reply", text: `454 4.7.0 ${ECHO}` } } },
  injected: { injectAfterStarttls: `250 ${ECHO}` },
};
const DOMAINS = [...Object.keys(ECHOING), "good", "plain", "lost"];

export type LeakStory = {
  readonly world: World;
  /** Message ids by the name of the recipient's domain. */
  readonly ids: ReadonlyMap<string, string>;
  readonly childOutput: string;
  /** What each command line printed, by its arguments. */
  readonly printed: ReadonlyMap<string, string>;
  readonly refusals: readonly string[];
};

export async function tellLeakStory(): Promise<LeakStory> {
  const port = await freePort();
  const world = await startWorld(port);
  const ids = new Map<string, string>();
  for (const domain of DOMAINS) ids.set(domain, await world.accept(letter(domain)));
  ids.set("large", await world.accept({ ...letter("good"), bytes: largeLetter() }));
  const refusals = await refused(world);
  await quiet(world);
  for (const minutes of [2, 33, 31]) {
    world.advance(minutes * MINUTE_MS);
    await quiet(world);
  }
  await reload(world);
  await world.stopGateway();
  const lives = await killedLives(world, port);
  ids.set("killed", lives.id);
  const printed = new Map<string, string>();
  for (const args of readingCommands([...ids.values()])) {
    printed.set(args.join(" "), (await runCli(["--config", world.configPath, ...args])).output);
  }
  await world.startGateway();
  return { world, ids, childOutput: lives.output, printed, refusals };
}

function startWorld(port: number): Promise<World> {
  const behaviours = Object.entries(ECHOING);
  return World.start({
    zone: Object.fromEntries(
      [...DOMAINS, "clinic"].map((name) => [`${name}.test`, { MX: [[10, `mx.${name}.test`] as const] }]),
    ),
    servers: [
      ...behaviours.map(([name, behaviour], index) => ({
        name: `mx.${name}.test`,
        address: `127.10.0.${index + 10}`,
        certificate: "valid" as const,
        behaviour,
      })),
      { name: GOOD, address: "127.10.0.1", certificate: "valid" },
      { name: "mx.plain.test", address: "127.10.0.2", certificate: "none" },
      {
        name: "mx.lost.test",
        address: "127.10.0.3",
        certificate: "valid",
        behaviour: { faults: { dot: { kind: "drop-before" } } },
      },
      { name: SENDER_HOST, address: "127.10.0.4", certificate: "valid" },
    ],
    config: { ...patience(20), listen: { port }, log: { level: "debug" } },
  });
}

function letter(domain: string): Parameters<World["accept"]>[0] {
  return {
    mailFrom: `${SENDER}@clinic.test`,
    rcptTo: [`${RECIPIENT}@${domain}.test`],
    bytes: letterBytes(domain, CONTENT.text),
  };
}

function letterBytes(domain: string, text: string): Buffer {
  return mail([
    `From: "${CONTENT.fromName}" <${SENDER}@clinic.test>`,
    `To: "${CONTENT.toName}" <${RECIPIENT}@${domain}.test>`,
    `Cc: <${CARBON}@clinic.test>`,
    `Subject: ${CONTENT.subject}`,
    `Comments: ${CONTENT.comments}`,
    `X-Wagtail: ${CONTENT.extraField}`,
    "MIME-Version: 1.0",
    'Content-Type: multipart/mixed; boundary="b"',
    "",
    "--b",
    "",
    "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.",
    text,
    "--b",
    "Content-Type: text/html",
    "",
    `<p>${CONTENT.html}</p>`,
    "--b",
    `Content-Type: text/csv; name="${CONTENT.attachmentName}.csv"`,
    `Content-Disposition: attachment; filename="${CONTENT.attachmentName}.csv"`,
    "",
    CONTENT.attachment,
    "--b--",
  ]);
}

/** Beyond the size of a segment record: a file of its own. */
function largeLetter(): Buffer {
  return letterBytes("good", Array.from({ length: 20_000 }, (_, line) => `${CONTENT.text} ${line}`).join("\r\n"));
}

/** Submissions that are turned away, each with canaries where the refusal could quote them. */
async function refused(world: World): Promise<readonly string[]> {
  const ordinary = letter("good");
  const answers = [
    await world.submit({ ...ordinary, rcptTo: [`${RECIPIENT}@@good.test`] }),
    await world.submit({ ...ordinary, mailFrom: `${SENDER}@` }),
    await world.submit({ ...ordinary, mailParameters: ` X-${CONTENT.subject}=1` }),
    await world.submit({ ...ordinary, bytes: Buffer.concat([ordinary.bytes, Buffer.from([0])]) }),
    await world.submit({ ...ordinary, bytes: Buffer.from(`Subject: ${CONTENT.subject}\r\n\r\n${CONTENT.text}\n.\n`) }),
    await world.submit(ordinary, { starttls: false }),
  ];
  return answers.map(({ code, text }) => `${code} ${text}`);
}

async function reload(world: World): Promise<void> {
  const environment = nodeConfigEnvironment({ variables: {}, hostname: "x.test", now: Date.now() });
  const loading = loadConfig(world.configPath, environment);
  if (!loading.ok) throw new Error("the configuration is not valid");
  await world.postern.reload(loading.config);
}

/** Killed after the final dot, started again, asked through its control socket, reloaded, drained. */
async function killedLives(world: World, port: number): Promise<{ readonly id: string; readonly output: string }> {
  world.server(GOOD).setBehaviour({ faults: { dot: { kind: "silent" } } });
  const first = await ChildGateway.start(world.configPath);
  const before = world.server(GOOD).transactions.length;
  const hand = { host: "127.0.0.1", port, ca: world.internet.ca, serverName: "gateway.clinic.test" };
  const answer = await submit(hand, letter("good"));
  const id = /queued as ([0-9A-Z]{26})/.exec(answer.text)?.[1];
  if (id === undefined) throw new Error("not accepted");
  await eventually(async () => (world.server(GOOD).transactions.length > before ? true : null));
  await first.kill();
  world.server(GOOD).setBehaviour({});
  const second = await ChildGateway.start(world.configPath);
  second.signal("SIGHUP");
  const asked = await runCli(["--config", world.configPath, "queue", "retry", id, "--reason", "killed"]);
  const listed = await runCli(["--config", world.configPath, "queue", "list", "--all"]);
  await eventually(async () => (second.output.includes('"event":"reloaded"') ? true : null));
  await second.stop();
  return { id, output: [first.output, second.output, asked.output, withoutAddresses(listed.output)].join("\n") };
}

/** The list is asked for by an operator and names recipients. */
export function withoutAddresses(text: string): string {
  return text.replaceAll(/[a-z.]*wagtail@[a-z]+\.test/g, "(address)");
}

function readingCommands(ids: readonly string[]): readonly (readonly string[])[] {
  return [
    ["queue", "list", "--all"],
    ["queue", "list", "--all", "--json"],
    ...ids.flatMap((id) => [
      ["queue", "show", id],
      ["trace", id],
    ]),
    ["queue", "show", ids[0] ?? "", "--json"],
    ["trace", ids[0] ?? "", "--json"],
    ["trace", `${RECIPIENT}@rcpt.test`],
    ["audit", "tail", "-n", "10000"],
    ["audit", "tail", "-n", "10000", "--json"],
    ["audit", "verify"],
  ];
}
