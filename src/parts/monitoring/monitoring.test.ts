import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { startMonitoring } from "./monitoring.ts";
import type { Monitoring } from "./monitoring.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

let monitoring: Monitoring;
let reasons: readonly ReasonCode[] = [];
let metrics = async (): Promise<string> => "up 1\n";

beforeEach(async () => {
  reasons = [];
  metrics = async () => "up 1\n";
  const watched = {
    metrics: async () => ({ text: await metrics(), contentType: "text/plain; version=0.0.4" }),
    reasons: async () => reasons,
  };
  monitoring = await startMonitoring({ address: "127.0.0.1", port: 0 }, { watched, log: quiet });
});
afterEach(() => monitoring.close());

function url(path: string): string {
  const { host, port } = monitoring.address();
  return `http://${host}:${port}${path}`;
}

/** Bytes as they are, and all that comes back. */
function raw(bytes: string): Promise<string> {
  const { host, port } = monitoring.address();
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port }, () => socket.write(bytes));
    let answer = "";
    socket.on("data", (chunk) => void (answer += chunk.toString("latin1")));
    socket.on("error", reject);
    socket.on("close", () => resolve(answer));
  });
}

describe("what it answers", () => {
  test("metrics, with their content type", async () => {
    const response = await fetch(url("/metrics?x=1"));
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      200,
      "text/plain; version=0.0.4",
      "up 1\n",
    ]);
    expect(response.headers.get("cache-control")).toBe("no-store");
  });

  test("health: it answers at all", async () => {
    const response = await fetch(url("/healthz"));
    expect([response.status, await response.json()]).toEqual([200, { status: "ok" }]);
  });

  test("readiness, and why not, as codes", async () => {
    expect((await fetch(url("/readyz"))).status).toBe(200);
    reasons = ["PST-MON-002"];
    const response = await fetch(url("/readyz"));
    expect([response.status, await response.json()]).toEqual([503, { status: "not ready", reasons: ["PST-MON-002"] }]);
  });

  test("HEAD has the headers alone", async () => {
    const response = await fetch(url("/metrics"), { method: "HEAD" });
    expect([response.status, response.headers.get("content-length"), await response.text()]).toEqual([200, "5", ""]);
  });

  test("a fault is a 500 that tells nothing, and the next question is answered", async () => {
    metrics = () => Promise.reject(new Error("nurse@clinic.test"));
    const response = await fetch(url("/metrics"));
    expect([response.status, await response.text()]).toEqual([500, "failed\n"]);
    expect((await fetch(url("/healthz"))).status).toBe(200);
  });
});

describe("what it refuses", () => {
  test.each(["/", "/metrics/", "/healthz/..", "/admin", "//metrics"])("the path %s is not there", async (path) => {
    expect((await fetch(url(path))).status).toBe(404);
  });

  test.each(["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])("the method %s is not allowed", async (method) => {
    const response = await fetch(url("/metrics"), { method });
    expect([response.status, response.headers.get("allow")]).toEqual([405, "GET, HEAD"]);
  });

  test("headers beyond 4 KiB", async () => {
    expect(await raw(`GET /healthz HTTP/1.1\r\nHost: x\r\nA: ${"a".repeat(5000)}\r\n\r\n`)).toMatch(/^HTTP\/1\.1 431 /);
  });

  test("what is no HTTP", async () => {
    expect(await raw("EHLO clinic.test\r\n")).toMatch(/^HTTP\/1\.1 400 /);
  });

  test("a body: the connection ends with the answer", async () => {
    const answer = await raw("GET /healthz HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
    expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    expect(answer).toMatch(/connection: close/i);
  });

  test("more connections than 20 at once", async () => {
    const { host, port } = monitoring.address();
    const sockets = Array.from({ length: 20 }, () => connect({ host, port }));
    await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    expect(await raw("GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").catch(() => "")).toBe("");
    for (const socket of sockets) socket.destroy();
  });
});
