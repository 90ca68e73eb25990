/**
 * Sends one mail again and again over several sessions, each mail when the last one was answered:
 * `node source-process.ts '{"port":…,"sessions":20,"messages":1000,"tls":true,"mail":"PATH"}'`. Prints seconds as JSON.
 */
import { readFileSync } from "node:fs";
import { Dialog } from "./dialog.ts";

type Order = {
  readonly port: number;
  readonly sessions: number;
  readonly messages: number;
  readonly tls: boolean;
  readonly mail: string;
};

const order = JSON.parse(process.argv[2] ?? "") as Order;
const mail = readFileSync(order.mail);
let left = order.messages;

async function session(): Promise<void> {
  const dialog = await Dialog.open(order.port, { tls: order.tls });
  while (left > 0) {
    left -= 1;
    await dialog.upToDot([mail]);
    await dialog.dot();
  }
  dialog.close();
}

const begin = performance.now();
await Promise.all(Array.from({ length: order.sessions }, session));
process.stdout.write(`${JSON.stringify({ seconds: (performance.now() - begin) / 1_000 })}\n`);
process.exit(0);
