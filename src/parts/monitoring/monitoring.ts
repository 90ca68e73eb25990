/**
 * The HTTP listener for whoever watches the service: /metrics, /healthz, /readyz. Promises: GET and HEAD on these three paths
 * and nothing else; small bounds on header bytes, connections and time; a slow or silent client costs one socket for
 * seconds; answers are never cached. What they say is the caller's.
 */
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { errorName } from "../../core/error-facts.ts";
import type { Log } from "../../core/log.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";

export type MonitoringOptions = { readonly address: string; readonly port: number };

export type Watched = {
  /** The metrics and their content type. */
  readonly metrics: () => Promise<{ readonly text: string; readonly contentType: string }>;
  /** Why no mail should be sent here now; empty: ready. */
  readonly reasons: () => Promise<readonly ReasonCode[]>;
};

export interface Monitoring {
  address(): { readonly host: string; readonly port: number };
  /** Ends every connection. Idempotent. */
  close(): Promise<void>;
}

const HEADER_BYTES_MAX = 4_096;
const HEADERS_MAX = 50;
const CONNECTIONS_MAX = 20;
/** For a whole request, and for an idle connection kept open. */
const REQUEST_MS = 5_000;
const KEEP_ALIVE_MS = 30_000;
const REQUESTS_PER_CONNECTION_MAX = 1_000;

type Answer = { readonly status: number; readonly contentType: string; readonly body: string };

/** Rejects with the system's error where the address cannot be listened on. */
export async function startMonitoring(
  options: MonitoringOptions,
  deps: { readonly watched: Watched; readonly log: Log },
): Promise<Monitoring> {
  // Not as an ES module: that would load fetch, WebSocket and HTTP/2 with it, 15 MB.
  const server = process.getBuiltinModule("node:http").createServer(
    {
      maxHeaderSize: HEADER_BYTES_MAX,
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => void respond(request, response, deps),
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.maxHeadersCount = HEADERS_MAX;
  server.maxRequestsPerSocket = REQUESTS_PER_CONNECTION_MAX;
  // A client that only connects and says nothing.
  server.setTimeout(KEEP_ALIVE_MS);
  await listening(server, options);
  server.on("error", (error) => deps.log.warn("monitoring_failed", { error: errorName(error) }));
  let closing: Promise<void> | null = null;
  return {
    address() {
      const { address, port } = server.address() as AddressInfo;
      return { host: address, port };
    },
    close: () => (closing ??= closed(server)),
  };
}

function listening(server: Server, { address, port }: MonitoringOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host: address, port }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  { watched, log }: { readonly watched: Watched; readonly log: Log },
): Promise<void> {
  const { status, contentType, body } = await answerTo(request, watched).catch((error: unknown) => {
    log.warn("monitoring_failed", { error: errorName(error) });
    return plain(500, "failed");
  });
  const hasBody = (request.headers["content-length"] ?? "0") !== "0" || "transfer-encoding" in request.headers;
  response.writeHead(status, {
    "Content-Type": contentType,
    "Content-Length": Buffer.byteLength(body),
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    ...(status === 405 && { Allow: "GET, HEAD" }),
    // Nobody reads a body here: what follows it on the connection is not looked for either.
    ...(hasBody && { Connection: "close" }),
  });
  response.end(request.method === "HEAD" ? "" : body);
}

async function answerTo(request: IncomingMessage, watched: Watched): Promise<Answer> {
  const isReading = request.method === "GET" || request.method === "HEAD";
  switch (request.url?.split("?", 1)[0]) {
    case "/healthz":
      // That this runs at all is the answer: the event loop turns.
      return isReading ? json(200, { status: "ok" }) : plain(405, "GET or HEAD");
    case "/readyz": {
      if (!isReading) return plain(405, "GET or HEAD");
      const reasons = await watched.reasons();
      return json(reasons.length === 0 ? 200 : 503, { status: reasons.length === 0 ? "ready" : "not ready", reasons });
    }
    case "/metrics": {
      if (!isReading) return plain(405, "GET or HEAD");
      const { text, contentType } = await watched.metrics();
      return { status: 200, contentType, body: text };
    }
    default:
      return plain(404, "not here");
  }
}

function plain(status: number, text: string): Answer {
  return { status, contentType: "text/plain; charset=utf-8", body: `${text}\n` };
}

function json(status: number, value: object): Answer {
  return { status, contentType: "application/json", body: `${JSON.stringify(value)}\n` };
}
