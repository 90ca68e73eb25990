/**
 * Runs all hostile cases in one world: each kind of protected mail to each side, then time passes until long after lifetime
 * and review deadline. Gathers what the tests ask about; judges nothing.
 */
import type { ServerDescription } from "../../src/cli/loopback/internet.ts";
import type { Zone } from "../../src/cli/loopback/dns-server.ts";
import { assertNever } from "../../src/core/assert-never.ts";
import type { AuditRow, EventBody } from "../../src/core/event.ts";
import { isTerminal } from "../../src/core/recipient-state.ts";
import type { HostileCase, Side } from "./never-clear-side.ts";
import { mxOf } from "./never-clear-side.ts";
import { eventually, mail, World } from "./world.ts";

export const KINDS = ["phi", "uninspectable", "tagged"] as const;
export type Kind = (typeof KINDS)[number];

export type Sent = {
  readonly hostile: HostileCase;
  readonly side: Side;
  readonly kind: Kind;
  readonly id: string;
  readonly canary: string;
  readonly sender: string;
  readonly recipient: string;
  /** State and code after the first attempt. */
  readonly first: string;
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
/** Ages at which the gateway looks again: retries, past secure_hold, a delay notice, past lifetime, past review deadlines, and reports put off. */
const AGES_MS = [
  2 * MINUTE_MS,
  33 * MINUTE_MS,
  65 * MINUTE_MS,
  26 * HOUR_MS,
  49 * HOUR_MS,
  76 * HOUR_MS,
  77 * HOUR_MS,
  80 * HOUR_MS,
];

export const SENDER_HOST = "mx.clinic.test";

/** How long the gateway waits for DNS and for peers. */
export function patience(seconds: number): Pick<Tree, "dns" | "delivery"> {
  return {
    dns: { timeout_ms: 500, retries: 1 },
    delivery: {
      connect_timeout_seconds: seconds,
      greeting_timeout_seconds: seconds,
      command_timeout_seconds: seconds,
      data_timeout_seconds: seconds,
      dot_timeout_seconds: seconds,
    },
  };
}
type Tree = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

export class NeverClear {
  readonly world: World;
  readonly sent: readonly Sent[];

  private constructor(world: World, sent: readonly Sent[]) {
    this.world = world;
    this.sent = sent;
  }

  static async run(cases: readonly HostileCase[], patienceSeconds: number): Promise<NeverClear> {
    const sides = cases.map((_, index) => sideOf(index, cases[index]?.peers.length ?? 0));
    const world = await startWorld({ cases, sides, patienceSeconds });
    const submitted: Omit<Sent, "first">[] = [];
    for (const [index, hostile] of cases.entries()) {
      const side = sides[index];
      if (side === undefined) throw new Error("a case without a side");
      for (const kind of KINDS) submitted.push(await submit(world, { hostile, side, kind }));
    }
    await quiet(world);
    const sent = await Promise.all(submitted.map(async (one) => ({ ...one, first: await standing(world, one.id) })));
    for (const [index, hostile] of cases.entries()) if (sides[index]) hostile.afterFirst?.(sides[index], world);
    let age = 0;
    for (const next of AGES_MS) {
      world.advance(next - age);
      age = next;
      await quiet(world);
    }
    return new NeverClear(world, sent);
  }

  of(hostile: HostileCase): readonly Sent[] {
    return this.sent.filter((one) => one.hostile === hostile);
  }
}

function sideOf(index: number, peers: number): Side {
  const domain = `side${index}.test`;
  const hosts = Array.from({ length: peers }, (_, peer) => ({
    name: `mx${peer + 1}.${domain}`,
    address: `127.7.${index}.${peer + 1}`,
  }));
  return { domain, hosts };
}

function startWorld({
  cases,
  sides,
  patienceSeconds,
}: {
  readonly cases: readonly HostileCase[];
  readonly sides: readonly Side[];
  readonly patienceSeconds: number;
}): Promise<World> {
  const servers = cases.flatMap(({ peers }, index) =>
    peers.map((peer, ordinal): ServerDescription => {
      const place = sides[index]?.hosts[ordinal];
      if (place === undefined) throw new Error("a peer without a place");
      return { ...place, ...peer };
    }),
  );
  const zones = cases.map((hostile, index): Zone => {
    const side = sides[index];
    if (side === undefined) throw new Error("a case without a side");
    return hostile.zone?.(side) ?? { [side.domain]: mxOf(side.hosts.map(({ name }) => name)) };
  });
  const home: ServerDescription = { name: SENDER_HOST, address: "127.7.255.1", certificate: "valid" };
  return World.start({
    zone: Object.assign({ "clinic.test": mxOf([SENDER_HOST]) }, ...zones) as Zone,
    servers: [...servers, home],
    config: patience(patienceSeconds),
  });
}

async function submit(
  world: World,
  { hostile, side, kind }: Pick<Sent, "hostile" | "side" | "kind">,
): Promise<Omit<Sent, "first">> {
  const word = `${kind}.${side.domain.replace(".test", "")}`;
  const sender = `from.${word}@clinic.test`;
  const recipient = `to.${word}@${side.domain}`;
  const canary = `wagtail-${word}-9f3a77`;
  const bytes = protectedMail(kind, { canary, sender, recipient });
  const id = await world.accept({ mailFrom: sender, rcptTo: [recipient], bytes });
  return { hostile, side, kind, id, canary, sender, recipient };
}

export function protectedMail(
  kind: Kind,
  words: { readonly canary: string; readonly sender: string; readonly recipient: string },
): Buffer {
  const head = [`From: ${words.sender}`, `To: ${words.recipient}`, `Message-ID: <${words.canary.length}@clinic.test>`];
  switch (kind) {
    case "phi":
      return mail([
        ...head,
        `Subject: Results ${words.canary}`,
        "",
        "Patient John Smith, MRN: 48210377, SSN 219-09-9997, was diagnosed with type 2 diabetes.",
        words.canary,
      ]);
    case "tagged":
      return mail([...head, `Subject: [secure] Hello ${words.canary}`, "", `See you at noon. ${words.canary}`]);
    case "uninspectable":
      return mail([
        ...head,
        `Subject: The plan ${words.canary}`,
        "MIME-Version: 1.0",
        'Content-Type: multipart/mixed; boundary="b"',
        "",
        "--b",
        "",
        `As we said. ${words.canary}`,
        "--b",
        'Content-Type: application/octet-stream; name="plan.bin"',
        "Content-Transfer-Encoding: base64",
        "",
        Buffer.alloc(600, "\u0001\u00fe\u0090 unknown ").toString("base64"),
        "--b--",
      ]);
    default:
      return assertNever(kind);
  }
}

/** Waits until nobody works and nothing is due. */
export async function quiet(world: World): Promise<void> {
  await eventually(async () => {
    const rows = await world.postern.store.recipients({ limit: 10_000 });
    const now = world.now();
    const isStill = rows.every(({ state, lease, dueAt }) => lease === null && (isTerminal(state) || dueAt > now));
    return isStill ? rows : null;
  });
}

export async function standing(world: World, id: string): Promise<string> {
  const [recipient] = await world.recipients(id);
  return `${recipient?.state ?? "unknown"} ${recipient?.lastCode ?? "-"}`;
}

/** Codes that the audit names for a message, each once. */
export function codesIn(rows: readonly (AuditRow & { readonly event: EventBody })[]): readonly string[] {
  const codes = rows.flatMap(({ event }) => {
    if (event.kind === "attempt") return event.attempt.code === null ? [] : [event.attempt.code];
    return "code" in event ? [event.code] : [];
  });
  return [...new Set(codes)];
}

/** Subjects of what the sender was told about this message. */
export function toldTo(world: World, sender: string): readonly string[] {
  return world
    .server(SENDER_HOST)
    .transactions.filter(({ rcptTo }) => rcptTo.includes(sender))
    .map(({ bytes }) => /^Subject: (.*)$/m.exec(bytes.toString("latin1"))?.[1]?.trim() ?? "");
}
