import { chmodSync, existsSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Actor } from "../../core/actor.ts";
import type { Log } from "../../core/log.ts";
import type { RoleMap } from "../../core/roles.ts";
import { callControl, callForBytes } from "./control-client.ts";
import type { ControlCall } from "./control-client.ts";
import { startControl } from "./control.ts";
import type { Control, ControlOptions, RefusedCall } from "./control.ts";
import { proofFolderOf } from "./proof.ts";
import { ControlError, isQueueId } from "./control-protocol.ts";
import type { ControlHandlers, ControlMethod, ControlStatus, QueueRequest, ReviewRequest } from "./control-protocol.ts";

const ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const status: ControlStatus = {
  version: "0.0.0",
  instanceId: "test",
  pid: 1,
  startedAt: 0,
  configSha256: "00",
  suspensions: 0,
  validation: "validating",
  draining: false,
  queue: { byState: { held: 2 }, oldestReceivedAt: 5, queuedBytes: 0 },
  pressure: {
    level: "open",
    causes: [],
    roomBytes: null,
    figures: {
      commitWaiting: 0,
      commitAgeMs: 0,
      space: null,
      queueRecipients: 2,
      queueBytes: 0,
      isSpaceRefused: false,
      isUnhealthy: false,
    },
  },
  reasons: [],
  alerts: [],
};

const suspension = { side: "to", pattern: "a.test", since: "", until: "", actor: "ada", reason: "x" } as const;
const hold = { id: 1, messageId: null, since: 1, until: null, placedAt: 2, actor: "ada", reason: "matter" };

let folder: string;
let socketPath: string;
let control: Control | null;
let seen: (QueueRequest | ReviewRequest)[];
let logged: string[];
let actors: Actor[];
let refused: RefusedCall[];
let roles: RoleMap;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-control-"));
  socketPath = join(folder, "control.sock");
  control = null;
  seen = [];
  logged = [];
  actors = [];
  refused = [];
  roles = {};
});

afterEach(async () => {
  await control?.close();
  rmSync(folder, { recursive: true, force: true });
});

function optionsWith(handlers: ControlHandlers, log: Log): ControlOptions {
  return {
    socketPath,
    group: null,
    roles: () => roles,
    onRefused: async (call) => void refused.push(call),
    clock: { now: () => Date.now(), monotonic: () => performance.now() },
    handlers,
    log,
  };
}

async function start(overrides: Partial<ControlHandlers> = {}): Promise<void> {
  const record = async (request: QueueRequest | ReviewRequest, actor: Actor) => {
    seen.push(request);
    actors.push(actor);
    return { done: [ID], requested: [], skipped: [], examined: 1, next: null };
  };
  const note = (event: string, fields?: object): void => void logged.push(JSON.stringify({ event, ...fields }));
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const handlers: ControlHandlers = {
    status: async () => status,
    "queue.retry": record,
    "queue.hold": record,
    "queue.release": record,
    "queue.drop": record,
    "queue.list": async () => ({ rows: [], skipped: [], examined: 0, next: null }),
    "queue.suspend": async () => suspension,
    "queue.resume": async () => suspension,
    "queue.suspensions": async () => ({ rows: [] }),
    "quarantine.list": async () => ({ rows: [], next: null }),
    "quarantine.show": async () => {
      throw new ControlError("PST-CTL-014", ID);
    },
    "quarantine.body": async () => ({ sizeBytes: BYTES.length, bytes: Readable.from([BYTES]) }),
    "quarantine.approve": async ({ request }) => ({ id: request, act: "release", why: null }),
    "quarantine.reject": async ({ request }) => ({ id: request, act: "release", why: null }),
    "quarantine.release": record,
    "quarantine.refuse": record,
    "sts.show": async () => ({ rows: [], next: null }),
    "sts.refresh": async ({ domain }) => ({
      domain,
      record: { kind: "none" },
      policy: null,
      failure: null,
      held: null,
    }),
    "tls.report": async ({ since }) => ({
      since,
      rungs: [],
      below: [],
      downgrades: [],
      failures: [],
      leftOut: { below: 0, downgrades: 0, failures: 0, unreadable: 0 },
    }),
    "tls.results": async () => ({ domains: [], next: null }),
    "audit.hold.add": async () => ({ hold }),
    "audit.hold.lift": async () => ({ hold }),
    "audit.hold.list": async () => ({ holds: [hold] }),
    "audit.read": async () => ({ rows: [], head: { seq: 0, hash: "" }, chainId: null }),
    "audit.checkpoint": async () => ({ note: "note" }),
    "dlp.reveal": async () => ({}),
    reload: async () => ({ configSha256: "11", restartNeeded: [] }),
    "queue.message": async () => ({ message: null }),
    "queue.trace": async () => ({ lines: [], recipients: [], next: null }),
    "config.changes": async () => ({ path: "/a", file: { ok: true, reload: [], restart: [] } }),
    ...overrides,
  };
  control = await startControl(optionsWith(handlers, log));
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "no error",
    (error: unknown) => (error instanceof ControlError ? error.code : String(error)),
  );
}

const ACTS = ["queue.retry", "queue.hold", "queue.release", "queue.drop"] as const;
const BYTES = Buffer.from("From: a\r\n\r\n\u0000 as it came\r\n");
const DECISIONS = ["quarantine.release", "quarantine.refuse"] as const;
/** A request of each kind with one id. */
const on = (reason: string, ids: readonly unknown[] = [ID]) => ({ reason, target: { ids: ids as string[] } });

test("status, reload and the acts reach their handlers and answer", async () => {
  await start();
  expect(await callControl({ socketPath, method: "status", body: {} })).toEqual(status);
  expect(await callControl({ socketPath, method: "reload", body: {} })).toEqual({
    configSha256: "11",
    restartNeeded: [],
  });
  const body = on("peer repaired", [ID, `${ID}.2`]);
  const result = { done: [ID], requested: [], skipped: [], examined: 1, next: null };
  for (const method of ACTS) expect(await callControl({ socketPath, method, body })).toEqual(result);
  const decision = { reason: "agreed", ids: [ID] };
  for (const method of DECISIONS) expect(await callControl({ socketPath, method, body: decision })).toEqual(result);
  const selection = {
    states: ["deferred", "held"],
    messageId: null,
    to: "example.org",
    from: "<>",
    codes: ["PST-DLV-018"],
    receivedFrom: 5,
    receivedBefore: 9,
  } as const;
  const cursor = { state: "held", after: `${ID}.2` } as const;
  const found = { reason: "peer repaired", target: { selection, cursor } };
  await callControl({ socketPath, method: "queue.retry", body: found });
  expect(seen).toEqual([...ACTS.map(() => body), ...DECISIONS.map(() => decision), found]);
  const me = { uid: userInfo().uid, user: userInfo().username, sudoUser: null };
  expect(actors).toEqual(seen.map(() => me));
});

test("whom sudo works for is passed on as a claim of root, and of nobody else", async () => {
  await start();
  const body = on("peer repaired");
  await callControl({ socketPath, method: "queue.drop", body, sudoUser: "alice" });
  await callControl({ socketPath, method: "queue.drop", body, sudoUser: "a b" });
  expect(actors.map(({ sudoUser }) => sudoUser)).toEqual([userInfo().uid === 0 ? "alice" : null, null]);
});

test("an act the role does not allow reaches no handler, is told with what it needs, and is written down", async () => {
  roles = { auditor: { users: [userInfo().uid], groups: [] } };
  await start();
  const call = callControl({ socketPath, method: "queue.drop", body: on("x") });
  const error = await call.catch((refusal: unknown) => refusal);
  expect(error).toMatchObject({
    code: "PST-CTL-011",
    detail: `${userInfo().username} has the role auditor; queue.drop needs operator`,
  });
  expect(seen).toEqual([]);
  expect(refused).toMatchObject([{ actor: { uid: userInfo().uid }, method: "queue.drop", roles: ["auditor"] }]);
  expect(logged.join()).toContain("control_refused");
  // The roles in force are looked up anew each time.
  roles = { operator: { users: [userInfo().username], groups: [] } };
  expect(await codeOf(callControl({ socketPath, method: "queue.drop", body: on("x") }))).toBe("no error");
});

test("the bytes of a message come as they are, and an error instead of them as an error", async () => {
  await start();
  const chunks: Uint8Array[] = [];
  const call = { socketPath, method: "quarantine.body", body: { id: ID, reason: "asked by the ward" } } as const;
  const sink = async (bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    for await (const chunk of bytes) chunks.push(chunk);
  };
  await callForBytes(call, sink);
  expect(Buffer.concat(chunks).equals(BYTES)).toBe(true);
  expect(await codeOf(callForBytes({ ...call, body: { id: ID, reason: "" } }, sink))).toBe("PST-CTL-003");
  expect(await codeOf(callControl({ socketPath, method: "quarantine.show", body: { id: ID, addresses: false } }))).toBe(
    "PST-CTL-014",
  );
});

test("nothing is left in the folder of proofs", async () => {
  await start();
  await callControl({ socketPath, method: "status", body: {} });
  expect(readdirSync(proofFolderOf(socketPath))).toEqual([]);
});

test("the socket has mode 0600 and is gone after close", async () => {
  await start();
  expect(statSync(socketPath).mode & 0o777).toBe(0o600);
  await control?.close();
  control = null;
  expect(existsSync(socketPath)).toBe(false);
});

test.each<[string, ControlMethod, unknown, string]>([
  ["an unknown method", "queue.burn" as ControlMethod, {}, "PST-CTL-002"],
  ["a missing reason", "queue.retry", { target: { ids: [ID] } }, "PST-CTL-003"],
  ["an empty reason", "queue.retry", on(" "), "PST-CTL-003"],
  ["a reason with a control character", "queue.retry", on("a\nb"), "PST-CTL-003"],
  ["an id of another form", "queue.drop", on("x", ["../etc"]), "PST-CTL-003"],
  ["an id that is no text", "quarantine.refuse", { reason: "x", ids: [5] }, "PST-CTL-003"],
  ["no ids", "queue.drop", on("x", []), "PST-CTL-003"],
  ["no target", "queue.drop", { reason: "x" }, "PST-CTL-003"],
  ["rows of another kind", "audit.read", { what: "marks", kind: "accepted", beforeSeq: 5, rowsMax: 5 }, "PST-CTL-003"],
  ["a side of another word", "queue.resume", { side: "by", pattern: "a.test", reason: "x" }, "PST-CTL-003"],
  ["a suspension for ever", "queue.suspend", { side: "to", pattern: "a.test", reason: "x", forMs: 4e9 }, "PST-CTL-003"],
  ["a selection of another form", "queue.drop", { reason: "x", target: { selection: "all" } }, "PST-CTL-003"],
  [
    "an unknown code",
    "queue.drop",
    { reason: "x", target: { selection: { states: [], codes: ["X"] } } },
    "PST-CTL-003",
  ],
  [
    "a cursor of another form",
    "queue.drop",
    { reason: "x", target: { selection: { states: [] }, cursor: { state: "held", after: "x" } } },
    "PST-CTL-003",
  ],
  ["a list for an act that is none", "queue.list", { target: { ids: [ID] }, action: "burn" }, "PST-CTL-003"],
  ["results of what is no domain", "tls.results", { domain: "a b", after: null }, "PST-CTL-003"],
  ["a policy of no domain", "sts.refresh", { domain: "no domain" }, "PST-CTL-003"],
  ["policies behind no place", "sts.show", { domain: null, after: "a b" }, "PST-CTL-003"],
  ["a report since no time", "tls.report", { since: "yesterday" }, "PST-CTL-003"],
  ["a body that is a list", "queue.drop", [], "PST-CTL-003"],
  ["a reason over the limit", "queue.drop", on("x".repeat(501)), "PST-CTL-003"],
  ["a body over the limit", "queue.drop", on("x".repeat(300_000)), "PST-CTL-004"],
])("%s is refused with its code and reaches no handler", async (_, method, body, code) => {
  await start();
  const call = { socketPath, method, body } as ControlCall<"queue.drop">;
  expect(await codeOf(callControl(call))).toBe(code);
  expect(seen).toEqual([]);
});

test("a handler's own refusal keeps its code, any other error says nothing but PST-CTL-006", async () => {
  await start({
    reload: async () => Promise.reject(new ControlError("PST-CFG-002", "postern.yaml:3:1 listen: unknown key.")),
    status: async () => Promise.reject(new Error("jane@example.org in a stack")),
  });
  const refusal = await callControl({ socketPath, method: "reload", body: {} }).catch((error: unknown) => error);
  expect(refusal).toMatchObject({ code: "PST-CFG-002", detail: "postern.yaml:3:1 listen: unknown key." });
  const failure = await callControl({ socketPath, method: "status", body: {} }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ code: "PST-CTL-006", detail: "" });
  expect(logged.join()).toContain("PST-CTL-006");
  expect(logged.join()).not.toContain("jane");
});

test("without a service the command line says PST-CTL-001, with a silent one PST-CTL-005", async () => {
  expect(await codeOf(callControl({ socketPath, method: "status", body: {} }))).toBe("PST-CTL-001");
  await start({ status: () => new Promise(() => {}) });
  expect(await codeOf(callControl({ socketPath, method: "status", body: {}, timeoutMs: 20 }))).toBe("PST-CTL-005");
});

test("an answer that is not the control API's is PST-CTL-010", async () => {
  const server = createServer((socket) =>
    socket.resume().end("HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]"),
  );
  await new Promise<void>((resolve) => void server.listen(socketPath, resolve));
  expect(await codeOf(callControl({ socketPath, method: "status", body: {} }))).toBe("PST-CTL-010");
  await new Promise((resolve) => void server.close(resolve));
});

test("a second service does not take the socket of a running one", async () => {
  await start();
  expect(await codeOf(startControl(optionsWith({} as ControlHandlers, {} as Log)))).toBe("PST-CTL-007");
  expect(await codeOf(callControl({ socketPath, method: "status", body: {} }))).toBe("no error");
});

test("a socket nobody answers on is replaced", async () => {
  const left = createServer();
  await new Promise<void>((resolve) => void left.listen(`${socketPath}.old`, resolve));
  renameSync(`${socketPath}.old`, socketPath);
  await new Promise((resolve) => void left.close(resolve));
  expect(existsSync(socketPath)).toBe(true);
  await start();
  expect(await codeOf(callControl({ socketPath, method: "status", body: {} }))).toBe("no error");
});

test.each([
  ["a file that is no socket", () => writeFileSync(socketPath, "keep me")],
  ["a folder others may write to", () => chmodSync(folder, 0o777)],
  ["a missing folder", () => rmSync(folder, { recursive: true })],
])("%s at the path refuses the start with PST-CTL-008", async (_, arrange) => {
  arrange();
  expect(await codeOf(start())).toBe("PST-CTL-008");
});

test("garbage on the socket ends that connection only", async () => {
  await start();
  await new Promise<void>((resolve) => {
    const socket = connect(socketPath, () => socket.write("\u0000\u0001 nonsense\r\n\r\n"));
    socket.resume().once("close", () => resolve());
  });
  expect(await codeOf(callControl({ socketPath, method: "status", body: {} }))).toBe("no error");
});

test.each([
  [ID, true],
  [`${ID}.1`, true],
  [`${ID}.0`, false],
  [`${ID}.`, false],
  [ID.toLowerCase(), false],
  ["", false],
  [5, false],
])("queue ids are recognised: %j", (text, expected) => {
  expect(isQueueId(text)).toBe(expected);
});
