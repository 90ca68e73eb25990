/** One mail at a time on an idle gateway: from its final dot to the 250, and to its last byte at the next server. */
import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { median, samplesOf } from "../report.ts";
import type { CaseResult, Figure } from "../report.ts";
import { Dialog } from "../rig/dialog.ts";
import { mimeMail } from "../rig/mails.ts";
import type { Peer } from "../rig/peer.ts";
import { postern } from "../rig/postern.ts";
import { postfix } from "../rig/postfix.ts";
import type { Site } from "../rig/site.ts";
import type { Case, CaseOptions } from "./case.ts";

const MAILS = 30;
const WARM_UP_MAILS = 20;
/** Longer than kept connections wait for no reason, shorter than they are kept. */
const PAUSE_MS = 150;
const PATIENCE_MS = 20_000;
const TO_REPLY = "ms from the final dot to 250 (median of a round)";
const TO_NEXT = "ms from the final dot to the next server (median of a round)";

export const latencyCase: Case = {
  id: "idle-latency",
  group: "relay",
  async run(site, options) {
    const peers = [postern, postfix];
    const figures: Figure[] = [];
    const samples = new Map<string, Latency[]>(peers.map(({ name }) => [name, []]));
    for (let round = 0; round < options.rounds; round += 1) {
      for (const peer of peers) samples.get(peer.name)?.push(await measure(site, peer, options));
    }
    for (const [peer, rounds] of samples) {
      figures.push({ peer, what: TO_REPLY, samples: rounds.map(({ toReplyMs }) => toReplyMs) });
      figures.push({ peer, what: TO_NEXT, samples: rounds.map(({ toNextMs }) => toNextMs) });
    }
    return judged(figures);
  },
};

function judged(figures: readonly Figure[]): CaseResult {
  const own = (what: string): number => median(samplesOf(figures, postern.name, what));
  const better = "less";
  return {
    id: "idle-latency",
    title: "idle, one 16 KB mail",
    figures,
    judgements: [
      { what: "final dot to 250", value: own(TO_REPLY), unit: "ms", better, must: 8, aim: 3 },
      { what: "final dot to the next server", value: own(TO_NEXT), unit: "ms", better, must: 25, aim: 8 },
    ],
  };
}

type Latency = { readonly toReplyMs: number; readonly toNextMs: number };

async function measure(site: Site, peer: Peer, { isQuick }: CaseOptions): Promise<Latency> {
  const port = await freePort();
  const receiver = await Receiver.listen(port);
  const running = await peer.start({ site, deliverTo: { kind: "sink", port }, signsWithDkim: false });
  const [warmUp, mails] = isQuick ? [2, 3] : [WARM_UP_MAILS, MAILS];
  const toReply: number[] = [];
  const toNext: number[] = [];
  const mail = mimeMail(16_384);
  try {
    const dialog = await Dialog.open(running.port);
    for (let count = 0; count < warmUp + mails; count += 1) {
      await dialog.upToDot([mail]);
      await sleep(10);
      const arrival = receiver.next();
      const begin = performance.now();
      const replied = await dialog.dot();
      const arrivedAt = await arrival;
      if (count >= warmUp) {
        toReply.push(replied);
        toNext.push(arrivedAt - begin);
      }
      await sleep(isQuick ? 0 : PAUSE_MS);
    }
    dialog.close();
    return { toReplyMs: median(toReply), toNextMs: median(toNext) };
  } finally {
    await running.stop();
    receiver.close();
  }
}

/** A next server in this process, so that one clock tells both ends. */
class Receiver {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #onMessage: ((at: number) => void) | null = null;

  private constructor() {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      this.#serve(socket);
    });
  }

  static async listen(port: number): Promise<Receiver> {
    const receiver = new Receiver();
    await new Promise<void>((resolve) => receiver.#server.listen(port, "127.0.0.1", resolve));
    return receiver;
  }

  /** When the final dot of the next message is here. */
  next(): Promise<number> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("a mail did not arrive")), PATIENCE_MS);
      this.#onMessage = (at) => {
        clearTimeout(timer);
        resolve(at);
      };
    });
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #serve(socket: Socket): void {
    socket.setNoDelay(true);
    socket.on("error", () => socket.destroy());
    socket.write("220 receiver\r\n");
    let received = "";
    let isData = false;
    socket.on("data", (chunk: Buffer) => {
      received += chunk.toString("latin1");
      for (;;) {
        const mark = isData ? "\r\n.\r\n" : "\r\n";
        const end = received.indexOf(mark);
        if (end === -1) return;
        const line = received.slice(0, end);
        received = received.slice(end + mark.length);
        if (isData) this.#onMessage?.(performance.now());
        socket.write(replyTo(line, isData));
        isData = !isData && line.toUpperCase() === "DATA";
      }
    });
  }
}

function replyTo(line: string, isData: boolean): string {
  const verb = line.slice(0, 4).toUpperCase();
  if (isData) return "250 taken\r\n";
  if (verb === "DATA") return "354 go on\r\n";
  if (verb === "EHLO") return "250-receiver\r\n250-PIPELINING\r\n250 8BITMIME\r\n";
  return verb === "QUIT" ? "221 bye\r\n" : "250 ok\r\n";
}
