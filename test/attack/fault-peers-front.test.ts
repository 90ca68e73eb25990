/**
 * Faulty and hostile clients in front of the gateway, as a table: what they hear last, how many messages were accepted, and that
 * whatever was not acknowledged left nothing behind: no row, no body, no audit of a message.
 */
import { once } from "node:events";
import { readdirSync } from "node:fs";
import { connect } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { quiet } from "../support/never-clear-run.ts";
import { eventually, World } from "../support/world.ts";

/** One thing a client does: says a line, says bytes as they are, waits for so many replies, hangs up, falls silent until it is put out. */
type Act =
  | { readonly say: string }
  | { readonly raw: string | Buffer }
  | { readonly wait: number }
  | "hang up"
  | "wait for the end";

type FrontCase = {
  readonly name: string;
  readonly acts: readonly Act[];
  /** The last reply the client read begins with this; null: it left before it was answered. */
  readonly last: string | null;
  readonly accepted: number;
};

const say = (line: string): Act => ({ say: line });
const raw = (bytes: string | Buffer): Act => ({ raw: bytes });
const HELLO: readonly Act[] = [{ wait: 1 }, say("EHLO client.test"), { wait: 1 }];
const ENVELOPE: readonly Act[] = [
  say("MAIL FROM:<a@clinic.test>"),
  { wait: 1 },
  say("RCPT TO:<b@partner.test>"),
  { wait: 1 },
];
const DATA: readonly Act[] = [...HELLO, ...ENVELOPE, say("DATA"), { wait: 1 }];
const LETTER = "From: a@clinic.test\r\nSubject: Lunch\r\n\r\nSee you at noon.\r\n";
const BIG = "x".repeat(70).concat("\r\n").repeat(20_000);

const CASES: readonly FrontCase[] = [
  { name: "hangs up before the greeting", acts: ["hang up"], last: null, accepted: 0 },
  { name: "hangs up after EHLO", acts: [...HELLO, "hang up"], last: "250", accepted: 0 },
  { name: "hangs up within its envelope", acts: [...HELLO, ...ENVELOPE, "hang up"], last: "250", accepted: 0 },
  { name: "hangs up after 354", acts: [...DATA, "hang up"], last: "354", accepted: 0 },
  { name: "hangs up within a small body", acts: [...DATA, raw(LETTER), "hang up"], last: "354", accepted: 0 },
  { name: "hangs up within a large body", acts: [...DATA, raw(LETTER + BIG), "hang up"], last: "354", accepted: 0 },
  { name: "hangs up within the dot", acts: [...DATA, raw(`${LETTER}.`), "hang up"], last: "354", accepted: 0 },
  {
    name: "hangs up within the dot's line end",
    acts: [...DATA, raw(`${LETTER}.\r`), "hang up"],
    last: "354",
    accepted: 0,
  },
  {
    name: "falls silent within a command",
    acts: [...HELLO, raw("MAIL FR"), "wait for the end"],
    last: "421",
    accepted: 0,
  },
  { name: "falls silent within the body", acts: [...DATA, raw(LETTER), "wait for the end"], last: "4", accepted: 0 },
  {
    name: "ends its lines with LF only",
    acts: [...DATA, raw(`${LETTER.replaceAll("\r", "")}\r\n.\r\n`), { wait: 1 }],
    last: "5",
    accepted: 0,
  },
  {
    name: "smuggles a second message behind LF.LF",
    acts: [...DATA, raw(`${LETTER}\n.\nMAIL FROM:<x@clinic.test>\r\n.\r\n`), { wait: 1 }],
    last: "5",
    accepted: 0,
  },
  {
    name: "puts a NUL into the body",
    acts: [...DATA, raw(`${LETTER}a\0b\r\n.\r\n`), { wait: 1 }],
    last: "5",
    accepted: 0,
  },
  {
    name: "writes a line of a megabyte",
    acts: [...DATA, raw(`${LETTER}${"y".repeat(1_000_000)}\r\n.\r\n`), { wait: 1 }],
    last: "5",
    accepted: 0,
  },
  {
    name: "writes a header of a megabyte",
    acts: [...DATA, raw(`${"X-A: b\r\n".repeat(130_000)}\r\n.\r\n`), { wait: 1 }],
    last: "5",
    accepted: 0,
  },
  {
    name: "comes round a hundred times",
    acts: [...DATA, raw(`${"Received: from a by b\r\n".repeat(100)}${LETTER}.\r\n`), { wait: 1 }],
    last: "5",
    accepted: 0,
  },
  {
    name: "says a command of a megabyte",
    acts: [{ wait: 1 }, raw("EHLO ".concat("a".repeat(1_000_000))), "wait for the end"],
    last: "5",
    accepted: 0,
  },
  {
    name: "says nonsense for ever",
    acts: [{ wait: 1 }, raw("NONSENSE\r\n".repeat(500)), "wait for the end"],
    last: "421",
    accepted: 0,
  },
  {
    name: "speaks HTTP",
    acts: [{ wait: 1 }, raw("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), { wait: 1 }],
    last: "5",
    accepted: 0,
  },
  {
    name: "begins TLS without asking",
    acts: [{ wait: 1 }, raw(Buffer.from("160301020001000000", "hex")), "wait for the end"],
    last: "421",
    accepted: 0,
  },
  {
    name: "sends DATA without recipients",
    acts: [...HELLO, say("MAIL FROM:<a@clinic.test>"), { wait: 1 }, say("DATA"), { wait: 1 }],
    last: "5",
    accepted: 0,
  },
  {
    name: "declares more than is taken",
    acts: [...HELLO, say("MAIL FROM:<a@clinic.test> SIZE=999999999999"), { wait: 1 }],
    last: "552",
    accepted: 0,
  },
  {
    name: "sends its body without waiting for 354",
    acts: [...HELLO, ...ENVELOPE, raw(`DATA\r\n${LETTER}.\r\n`), "wait for the end"],
    last: "5",
    accepted: 0,
  },
  {
    name: "promises a chunk and hangs up",
    acts: [...HELLO, ...ENVELOPE, raw(`BDAT 5000\r\n${LETTER}`), "hang up"],
    last: "250",
    accepted: 0,
  },
  {
    name: "promises a chunk larger than anything",
    acts: [...HELLO, ...ENVELOPE, say("BDAT 99999999999"), "wait for the end"],
    last: "5",
    accepted: 0,
  },
  {
    name: "mixes BDAT and DATA",
    acts: [...HELLO, ...ENVELOPE, raw(`BDAT ${LETTER.length}\r\n${LETTER}`), { wait: 1 }, say("DATA"), { wait: 1 }],
    last: "503",
    accepted: 0,
  },
  {
    name: "hangs up between the last chunk and LAST",
    acts: [...HELLO, ...ENVELOPE, raw(`BDAT ${LETTER.length}\r\n${LETTER}`), { wait: 1 }, "hang up"],
    last: "250",
    accepted: 0,
  },
  {
    name: "resets after its chunk",
    acts: [...HELLO, ...ENVELOPE, raw(`BDAT ${LETTER.length}\r\n${LETTER}RSET\r\n`), { wait: 2 }],
    last: "250",
    accepted: 0,
  },
  {
    name: "hangs up right behind its dot",
    acts: [...DATA, raw(`${LETTER}.\r\n`), { wait: 1 }, "hang up"],
    last: "250",
    accepted: 1,
  },
  {
    name: "sends two messages in one packet",
    acts: [
      ...DATA,
      raw(`${LETTER}.\r\nMAIL FROM:<a@clinic.test>\r\nRCPT TO:<b@partner.test>\r\nDATA\r\n`),
      { wait: 4 },
      raw(`${LETTER}.\r\n`),
      { wait: 1 },
    ],
    last: "250",
    accepted: 2,
  },
  {
    name: "says QUIT within the body",
    acts: [...DATA, raw(`${LETTER}QUIT\r\n.\r\n`), { wait: 1 }],
    last: "250",
    accepted: 1,
  },
  {
    name: "sends a message byte by byte",
    acts: [...DATA, ...Array.from(`${LETTER}.\r\n`, (byte) => raw(byte)), { wait: 1 }],
    last: "250",
    accepted: 1,
  },
];

let world: World;
const heard = new Map<string, { readonly last: string | null; readonly accepted: number }>();

beforeAll(async () => {
  world = await World.start({
    zone: { "partner.test": { MX: [[10, "mx.partner.test"]] } },
    servers: [{ name: "mx.partner.test", address: "127.15.0.1", certificate: "valid" }],
    config: { listen: { plaintext_networks: ["127.0.0.0/8"], command_timeout_seconds: 2, data_timeout_seconds: 2 } },
  });
  for (const { name, acts } of CASES) {
    const before = await acceptedSoFar();
    const last = await play(acts);
    await quiet(world);
    heard.set(name, { last, accepted: (await acceptedSoFar()) - before });
  }
}, 120_000);
afterAll(() => world.close());

async function acceptedSoFar(): Promise<number> {
  const rows = await world.postern.store.auditPage(1, 10_000);
  return rows.filter(({ kind }) => kind === "accepted").length;
}

/** Resolves to the last whole reply that was read. */
async function play(acts: readonly Act[]): Promise<string | null> {
  const { host, port } = world.postern.address();
  const socket = connect({ host, port, noDelay: true });
  const replies: string[] = [];
  let rest = "";
  let waited = 0;
  socket.on("data", (chunk: Buffer) => {
    const lines = `${rest}${chunk.toString("latin1")}`.split("\r\n");
    rest = lines.pop() ?? "";
    replies.push(...lines.filter((line) => /^\d{3} /.test(line)));
  });
  socket.on("error", () => undefined);
  const isOver = new Promise<void>((ended) => socket.once("close", () => ended()));
  await once(socket, "connect");
  for (const act of acts) {
    if (act === "hang up") socket.destroy();
    else if (act === "wait for the end") await isOver;
    else if ("wait" in act) {
      waited += act.wait;
      await eventually(async () => (replies.length >= waited || socket.closed ? true : null));
    } else await send(socket, "say" in act ? `${act.say}\r\n` : act.raw);
  }
  socket.destroy();
  return replies.at(-1) ?? null;
}

/** A server that hung up is not listening any more: that is for the case to notice by its last reply. */
function send(socket: Socket, bytes: string | Buffer): Promise<void> {
  return new Promise((sent) => socket.write(bytes, "latin1", () => sent()));
}

describe("a client that", () => {
  test.each(CASES)("$name", ({ name, last, accepted }) => {
    const seen = heard.get(name);
    expect(seen?.accepted).toBe(accepted);
    expect(seen?.last ?? "220").toMatch(new RegExp(`^${last ?? "220"}`));
  });
});

test("what was accepted was delivered once each, and nothing else was left behind", async () => {
  const accepted = CASES.reduce((sum, one) => sum + one.accepted, 0);
  expect((await world.arrived("mx.partner.test", accepted)).length).toBe(accepted);
  expect((await world.postern.store.counts()).byState).toEqual({ delivered: accepted });
  expect(readdirSync(join(world.folder, "data/spool/files"))).toEqual([]);
  expect(world.fatal).toEqual([]);
});
