/**
 * A port for a gateway of the demo, a test or a benchmark that is stopped and started again on the same port. It lies below
 * the range the kernel hands out by itself (32768 and up), so that nobody's outgoing connection sits on it in between.
 */
import { createServer } from "node:net";

const LOWEST = 12_000;
const BEYOND = 32_000;
const TRIES_MAX = 50;

/** A port of this address that nobody listens on now. */
export async function freePort(host = "127.0.0.1"): Promise<number> {
  for (let tries = 1; ; tries += 1) {
    const port = LOWEST + Math.floor(Math.random() * (BEYOND - LOWEST));
    try {
      await listenOnce(host, port);
      return port;
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
    }
  }
}

function listenOnce(host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject).listen(port, host, () => server.close(() => resolve()));
  });
}
