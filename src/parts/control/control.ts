/**
 * The control API of the running service: JSON over HTTP over a Unix socket, `POST /v1/<method>`, each after a `hello` on the same
 * connection. Promises: nobody acts before it is proved who asks (proof.ts) and the role allows it (roles.ts); requests are bounded
 * in size, number and time; an error answers with its code and the next step, never with a stack or a cause. Leaves the acts
 * themselves to the handlers of main.ts.
 */
import type { IncomingMessage, ServerResponse } from "node:http";
import { rmSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import type { Actor } from "../../core/actor.ts";
import { assertNever } from "../../core/assert-never.ts";
import type { Clock } from "../../core/clock.ts";
import type { Log } from "../../core/log.ts";
import { toAuditReadRequest, toHoldRequest, toLiftRequest, toRevealRequest } from "./audit-requests.ts";
import type { Role, RoleMap } from "../../core/roles.ts";
import { accountOf, groupIdOf, printedName, readAccounts } from "./accounts.ts";
import {
  BYTES_TYPE,
  ControlError,
  HELLO,
  REQUEST_BYTES_MAX,
  SUDO_HEADER,
  toControlMethod,
} from "./control-protocol.ts";
import type { BodyResult, ControlHandlers, ControlMethod } from "./control-protocol.ts";
import { clearSocketPath, listenPrivately } from "./control-socket.ts";
import { ProofFolder, proofFolderOf } from "./proof.ts";
import {
  toBodyRequest,
  toListRequest,
  toQuarantineRequest,
  toQueueRequest,
  toResumeRequest,
  toReviewRequest,
  toShowRequest,
  toStsRefreshRequest,
  toStsShowRequest,
  toSuspendRequest,
  toTlsReportRequest,
  toTlsResultsRequest,
  toVerdictRequest,
} from "./control-requests.ts";
import { toMessageRequest, toTraceRequest } from "./reading-requests.ts";
import { mayCall, rolesNeeded, rolesOf } from "./roles.ts";

/** Not as an ES module: that would load fetch, WebSocket and HTTP/2 with it, 15 MB. */
const { createServer } = process.getBuiltinModule("node:http");

const REQUEST_TIMEOUT_MS = 10_000;
const CONNECTIONS_MAX = 64;
/** Between the challenge and the request that answers it. */
const KEEP_ALIVE_MS = 5_000;
const STATUS_CODES: Readonly<Record<string, number>> = {
  "PST-CTL-002": 404,
  "PST-CTL-003": 400,
  "PST-CTL-004": 413,
  "PST-CTL-011": 403,
  "PST-CTL-012": 401,
  "PST-CTL-013": 403,
  "PST-CTL-014": 404,
  "PST-CTL-015": 404,
  "PST-CTL-016": 409,
  "PST-CTL-017": 404,
};
const SUDO_USER = /^[\w.@\\-]{1,64}$/;

/** Somebody asked for what their role does not allow. */
export type RefusedCall = {
  readonly actor: Actor;
  readonly method: ControlMethod;
  readonly roles: readonly Role[];
  readonly needs: readonly Role[];
};

export type ControlOptions = {
  readonly socketPath: string;
  /** Whose members are let to the socket beside root and the service's user; null: nobody. */
  readonly group: string | number | null;
  /** The roles in force now. */
  readonly roles: () => RoleMap;
  readonly handlers: ControlHandlers;
  /** Writes a refusal down, before it is answered. */
  readonly onRefused: (refused: RefusedCall) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
};

type Deps = ControlOptions & { readonly proof: ProofFolder };

export type Control = {
  /** Takes no more requests, lets those running finish, removes the socket. */
  close(): Promise<void>;
};

/** Rejects with ControlError PST-CTL-007 or PST-CTL-008. */
export async function startControl(options: ControlOptions): Promise<Control> {
  await clearSocketPath(options.socketPath);
  const groupId = groupIdFor(options.group);
  const proof = new ProofFolder(proofFolderOf(options.socketPath), groupId, options.clock);
  const server = createServer(
    { requestTimeout: REQUEST_TIMEOUT_MS, headersTimeout: REQUEST_TIMEOUT_MS },
    (request, response) => {
      answer(request, response, { ...options, proof }).catch((error: unknown) => {
        options.log.warn("control_unanswered", { reason: error instanceof Error ? error.name : "unknown" });
        response.destroy();
      });
    },
  );
  server.maxConnections = CONNECTIONS_MAX;
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  await listenPrivately(server, options.socketPath, groupId);
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

function groupIdFor(group: string | number | null): number | null {
  if (group === null) return null;
  const gid = groupIdOf(group, readAccounts());
  if (gid === null) throw new ControlError("PST-CTL-008", `control.group: this machine has no group ${group}.`);
  return gid;
}

async function answer(request: IncomingMessage, response: ServerResponse, deps: Deps): Promise<void> {
  try {
    const name = nameOf(request);
    if (name === HELLO) {
      request.resume();
      send(response, 200, { ok: true, result: { challenge: deps.proof.issue(request.socket) } });
      return;
    }
    const method = toControlMethod(name);
    const body = await readText(request);
    const admitted = await admit(request, { method, body }, deps);
    if (method === "quarantine.body") {
      await sendBytes(response, await deps.handlers[method](toBodyRequest(toJson(body)), admitted.actor));
      return;
    }
    send(response, 200, { ok: true, result: await handle({ ...admitted, method }, toJson(body), deps.handlers) });
  } catch (error) {
    const known = error instanceof ControlError ? error : new ControlError("PST-CTL-006", "", { cause: error });
    if (known.code === "PST-CTL-006") {
      const cause = known.cause instanceof Error ? known.cause : null;
      const code = cause !== null && "code" in cause ? String(cause.code) : null;
      deps.log.error("control_failed", { code: known.code, cause: cause?.name ?? null, causeCode: code });
    }
    send(response, STATUS_CODES[known.code] ?? 500, { ok: false, code: known.code, detail: known.detail });
  }
}

/** Who asks, where they may; throws PST-CTL-012 or PST-CTL-011. */
async function admit(
  request: IncomingMessage,
  call: { readonly method: ControlMethod; readonly body: string },
  { proof, roles: map, onRefused, log }: Deps,
): Promise<Omit<Admitted, "method">> {
  const { method } = call;
  const account = accountOf(proof.redeem(request.socket, call), readAccounts());
  const actor = { user: printedName(account), uid: account.uid, sudoUser: sudoUserOf(request, account.uid) };
  const roles = rolesOf(account, map(), process.getuid?.() ?? 0);
  if (mayCall(method, roles)) return { actor, roles };
  const needs = rolesNeeded(method);
  log.warn("control_refused", { code: "PST-CTL-011", user: actor.user, uid: actor.uid, method });
  await onRefused({ actor, method, roles, needs });
  const has = roles.length === 0 ? "no role" : `the role ${roles.join(", ")}`;
  throw new ControlError("PST-CTL-011", `${actor.user} has ${has}; ${method} needs ${needs.join(" or ")}`);
}

/** Only root can have come by sudo to act as root. */
function sudoUserOf({ headers }: IncomingMessage, uid: number): string | null {
  const said = headers[SUDO_HEADER];
  return uid === 0 && typeof said === "string" && SUDO_USER.test(said) ? said : null;
}

function nameOf(request: IncomingMessage): string {
  const name = /^\/v1\/([a-z.]{1,40})$/.exec(request.url ?? "")?.[1];
  if (request.method !== "POST" || name === undefined) throw new ControlError("PST-CTL-002");
  return name;
}

async function readText(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > REQUEST_BYTES_MAX) throw new ControlError("PST-CTL-004", `At most ${REQUEST_BYTES_MAX} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function toJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    // The parser quotes its input; that the text is no JSON is enough.
    throw new ControlError("PST-CTL-003", "The body is not JSON.");
  }
}

type JsonMethod = Exclude<ControlMethod, "quarantine.body">;
type Admitted = { readonly method: JsonMethod; readonly actor: Actor; readonly roles: readonly Role[] };

function handle({ method, actor, roles }: Admitted, body: unknown, handlers: ControlHandlers): Promise<unknown> {
  switch (method) {
    case "status":
    case "audit.checkpoint":
    case "reload":
    case "config.changes":
    case "queue.suspensions":
    case "audit.hold.list":
      return handlers[method]({}, actor);
    case "queue.suspend":
      return handlers[method](toSuspendRequest(body), actor);
    case "queue.resume":
      return handlers[method](toResumeRequest(body), actor);
    case "queue.retry":
    case "queue.hold":
    case "queue.release":
    case "queue.drop":
      return handlers[method](toQueueRequest(body), actor);
    case "queue.list":
      return handlers[method](toListRequest(body), actor);
    case "queue.message":
      return handlers[method](toMessageRequest(body), actor);
    case "queue.trace":
      return handlers[method](toTraceRequest(body), actor);
    case "quarantine.release":
    case "quarantine.refuse":
      return handlers[method](toReviewRequest(body), actor);
    case "quarantine.approve":
    case "quarantine.reject":
      return handlers[method](toVerdictRequest(body), actor);
    case "quarantine.list":
      return handlers[method](toQuarantineRequest(body), actor, roles);
    case "quarantine.show":
      return handlers[method](toShowRequest(body), actor, roles);
    case "sts.show":
      return handlers[method](toStsShowRequest(body), actor);
    case "sts.refresh":
      return handlers[method](toStsRefreshRequest(body), actor);
    case "tls.report":
      return handlers[method](toTlsReportRequest(body), actor);
    case "tls.results":
      return handlers[method](toTlsResultsRequest(body), actor);
    case "audit.hold.add":
      return handlers[method](toHoldRequest(body), actor);
    case "audit.hold.lift":
      return handlers[method](toLiftRequest(body), actor);
    case "audit.read":
      return handlers[method](toAuditReadRequest(body), actor);
    case "dlp.reveal":
      return handlers[method](toRevealRequest(body), actor);
    default:
      return assertNever(method);
  }
}

/** A reader that goes away ends it; what was read until then was read. */
async function sendBytes(response: ServerResponse, { sizeBytes, bytes }: BodyResult): Promise<void> {
  response.writeHead(200, { "content-type": BYTES_TYPE, "content-length": sizeBytes, connection: "close" });
  await pipeline(Readable.from(bytes, { objectMode: false }), response);
}

/** A challenge keeps its connection open; whatever follows it ends it. */
function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  const isHello = response.req.url === `/v1/${HELLO}`;
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(text),
    ...(isHello ? {} : { connection: "close" }),
  });
  response.end(text);
}
