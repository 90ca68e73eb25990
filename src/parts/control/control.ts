/**
 * The control API of the running service: JSON over HTTP over a Unix socket, `POST /v1/<method>`.
 * Promises: only the service's user and root reach it; requests are bounded in size, number and time; an error answers
 * with its code and the next step, never with a stack or a cause. Leaves the acts themselves to the handlers of main.ts.
 */
import { createServer } from "node:http";
import type { IncomingMessage, ServerResponse } from "node:http";
import { rmSync } from "node:fs";
import { assertNever } from "../../core/assert-never.ts";
import type { Log } from "../../core/log.ts";
import {
  ControlError,
  REQUEST_BYTES_MAX,
  toActorRequest,
  toControlMethod,
  toQueueRequest,
} from "./control-protocol.ts";
import type { ControlHandlers, ControlMethod } from "./control-protocol.ts";
import { clearSocketPath, listenPrivately } from "./control-socket.ts";

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 16;
const STATUS_CODES: Readonly<Record<string, number>> = { "PST-CTL-002": 404, "PST-CTL-003": 400, "PST-CTL-004": 413 };

export type ControlOptions = { readonly socketPath: string; readonly handlers: ControlHandlers; readonly log: Log };

export type Control = {
  /** Takes no more requests, lets those running finish, removes the socket. */
  close(): Promise<void>;
};

/** Rejects with ControlError PST-CTL-007 or PST-CTL-008. */
export async function startControl(options: ControlOptions): Promise<Control> {
  await clearSocketPath(options.socketPath);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      answer(request, response, options).catch((error: unknown) => {
        options.log.warn("control_unanswered", { reason: error instanceof Error ? error.name : "unknown" });
        response.destroy();
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.keepAliveTimeout = 1;
  await listenPrivately(server, options.socketPath);
  return {
    close: async () => {
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      });
      rmSync(options.socketPath, { force: true });
    },
  };
}

async function answer(request: IncomingMessage, response: ServerResponse, options: ControlOptions): Promise<void> {
  try {
    const method = methodOf(request);
    const body = await readJson(request);
    const result = await handle(method, body, options.handlers);
    send(response, 200, { ok: true, result });
  } catch (error) {
    const known = error instanceof ControlError ? error : new ControlError("PST-CTL-006", "", { cause: error });
    if (known.code === "PST-CTL-006") {
      const cause = known.cause instanceof Error ? known.cause : null;
      const code = cause !== null && "code" in cause ? String(cause.code) : null;
      options.log.error("control_failed", { code: known.code, cause: cause?.name ?? null, causeCode: code });
    }
    send(response, STATUS_CODES[known.code] ?? 500, { ok: false, code: known.code, detail: known.detail });
  }
}

function methodOf(request: IncomingMessage): ControlMethod {
  const name = /^\/v1\/([a-z.]{1,40})$/.exec(request.url ?? "")?.[1];
  if (request.method !== "POST" || name === undefined) throw new ControlError("PST-CTL-002");
  return toControlMethod(name);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) throw new ControlError("PST-CTL-004", `At most ${REQUEST_BYTES_MAX} bytes.`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    // The parser quotes its input; that the text is no JSON is enough.
    throw new ControlError("PST-CTL-003", "The body is not JSON.");
  }
}

function handle(method: ControlMethod, body: unknown, handlers: ControlHandlers): Promise<unknown> {
  switch (method) {
    case "status":
      return handlers.status();
    case "reload":
      return handlers.reload(toActorRequest(body));
    case "queue.retry":
    case "queue.release":
    case "queue.drop":
      return handlers[method](toQueueRequest(body));
    default:
      return assertNever(method);
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    connection: "close",
  });
  response.end(text);
}
