import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Log } from "../../core/log.ts";
import { callControl } from "./control-client.ts";
import type { ControlCall } from "./control-client.ts";
import { startControl } from "./control.ts";
import type { Control } from "./control.ts";
import { ControlError, isQueueId } from "./control-protocol.ts";
import type { ControlHandlers, ControlMethod, QueueRequest } from "./control-protocol.ts";

const ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
const status = {
  version: "0.0.0",
  instanceId: "test",
  pid: 1,
  startedAt: 0,
  configSha256: "00",
  draining: false,
  queue: { byState: { held: 2 }, oldestReceivedAt: 5 },
};

let folder: string;
let socketPath: string;
let control: Control | null;
let seen: QueueRequest[];
let logged: string[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "postern-control-"));
  socketPath = join(folder, "control.sock");
  control = null;
  seen = [];
  logged = [];
});

afterEach(async () => {
  await control?.close();
  rmSync(folder, { recursive: true, force: true });
});

async function start(overrides: Partial<ControlHandlers> = {}): Promise<void> {
  const record = async (request: QueueRequest) => {
    seen.push(request);
    return { done: request.ids, skipped: [] };
  };
  const note = (event: string, fields?: object): void => void logged.push(JSON.stringify({ event, ...fields }));
  const log: Log = { debug: note, info: note, warn: note, error: note };
  const handlers: ControlHandlers = {
    status: async () => status,
    "queue.retry": record,
    "queue.release": record,
    "queue.drop": record,
    reload: async () => ({ configSha256: "11", warnings: [] }),
    ...overrides,
  };
  control = await startControl({ socketPath, handlers, log });
}

async function codeOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "no error",
    (error: unknown) => (error instanceof ControlError ? error.code : String(error)),
  );
}

test("status, reload and the queue acts reach their handlers and answer", async () => {
  await start();
  expect(await callControl({ socketPath, method: "status", body: {} })).toEqual(status);
  expect(await callControl({ socketPath, method: "reload", body: { actor: "root" } })).toEqual({
    configSha256: "11",
    warnings: [],
  });
  const body = { actor: "alice", reason: "peer repaired", ids: [ID, `${ID}.2`] };
  for (const method of ["queue.retry", "queue.release", "queue.drop"] as const) {
    expect(await callControl({ socketPath, method, body })).toEqual({ done: body.ids, skipped: [] });
  }
  expect(seen).toEqual([body, body, body]);
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
  ["a missing actor", "queue.retry", { reason: "x", ids: [ID] }, "PST-CTL-003"],
  ["an actor with a control character", "queue.retry", { actor: "a\nb", reason: "x", ids: [ID] }, "PST-CTL-003"],
  ["an id of another form", "queue.drop", { actor: "a", reason: "x", ids: ["../etc"] }, "PST-CTL-003"],
  ["no ids", "queue.drop", { actor: "a", reason: "x", ids: [] }, "PST-CTL-003"],
  ["a body that is a list", "queue.drop", [], "PST-CTL-003"],
  ["a reason over the limit", "queue.drop", { actor: "a", reason: "x".repeat(501), ids: [ID] }, "PST-CTL-003"],
  ["a body over the limit", "queue.drop", { actor: "a", reason: "x".repeat(300_000), ids: [ID] }, "PST-CTL-004"],
])("%s is refused with its code and reaches no handler", async (_, method, body, code) => {
  await start();
  const call = { socketPath, method, body } as ControlCall<ControlMethod>;
  expect(await codeOf(callControl(call))).toBe(code);
  expect(seen).toEqual([]);
});

test("a handler's own refusal keeps its code, any other error says nothing but PST-CTL-006", async () => {
  await start({
    reload: async () => Promise.reject(new ControlError("PST-CFG-002", "postern.yaml:3:1 listen: unknown key.")),
    status: async () => Promise.reject(new Error("jane@example.org in a stack")),
  });
  const refusal = await callControl({ socketPath, method: "reload", body: { actor: "a" } }).catch(
    (error: unknown) => error,
  );
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
  expect(await codeOf(startControl({ socketPath, handlers: {} as ControlHandlers, log: {} as Log }))).toBe(
    "PST-CTL-007",
  );
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
