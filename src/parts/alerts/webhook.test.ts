import { createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import type { AlertNotice } from "../../core/alert.ts";
import type { LogFields } from "../../core/log.ts";
import { issueAuthority, issueServerCertificate } from "../keys/issue-certificate.ts";
import { Webhook } from "./webhook.ts";
import type { WebhookOptions } from "./webhook.ts";

type Got = { readonly path: string; readonly headers: IncomingMessage["headers"]; readonly body: string };
type Answering = (response: ServerResponse, count: number) => void;

const NOW = 1_764_000_000_000;
const SECRET = Buffer.from("a secret of the receiver");
const NOTICE: AlertNotice = {
  state: "raised",
  code: "PST-DEC-001",
  facts: { recipients: 2 },
  count: 3,
  since: NOW - 1000,
  at: NOW,
  messages: ["01M80BSA3S4JSN3NSB7N6Q14C0"],
};

const opened: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

async function receiver(answer: Answering, server: Server = createServer()): Promise<{ url: string; got: Got[] }> {
  const got: Got[] = [];
  server.on("request", (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      got.push({ path: request.url ?? "", headers: request.headers, body: Buffer.concat(chunks).toString() });
      answer(response, got.length);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  opened.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, got };
}

type Line = { readonly event: string } & LogFields;

function webhook(options: Partial<WebhookOptions> & Pick<WebhookOptions, "url">) {
  const log: Line[] = [];
  const write = (event: string, fields?: LogFields): void => void log.push({ event, ...fields });
  const clock = { now: () => NOW, monotonic: () => NOW };
  const hook = new Webhook(
    { secret: SECRET, ca: null, instanceId: "gateway-a", pausesMs: [1, 1], timeoutMs: 2_000, ...options },
    { clock, log: { debug: write, info: write, warn: write, error: write } },
  );
  opened.push(() => hook.close());
  return { hook, log };
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

const ok: Answering = (response) => void response.writeHead(204).end();

describe("what arrives", () => {
  test("is the notice as JSON, signed over time and body", async () => {
    const { url, got } = await receiver(ok);
    webhook({ url }).hook.send(NOTICE);
    await until(() => got.length === 1);
    const [{ headers, body, path } = { headers: {}, body: "", path: "" }] = got;
    expect(JSON.parse(body)).toMatchObject({
      source: "postern",
      instance: "gateway-a",
      state: "raised",
      code: "PST-DEC-001",
      count: 3,
      facts: { recipients: 2 },
      messages: ["01M80BSA3S4JSN3NSB7N6Q14C0"],
    });
    const expected = createHmac("sha256", SECRET)
      .update(`${NOW / 1000}.${body}`)
      .digest("hex");
    expect([path, headers["postern-signature"]]).toEqual(["/hook", `t=${NOW / 1000},v1=${expected}`]);
  });

  test("comes in the order it was sent, one at a time", async () => {
    const { url, got } = await receiver(ok);
    const { hook } = webhook({ url });
    for (const count of [1, 2, 3]) hook.send({ ...NOTICE, count });
    await until(() => got.length === 3);
    expect(got.map(({ body }) => (JSON.parse(body) as AlertNotice).count)).toEqual([1, 2, 3]);
  });
});

describe("a receiver in trouble", () => {
  test.each<readonly [string, Answering]>([
    ["answers 500", (response) => void response.writeHead(500).end()],
    ["answers 302: it is not followed", (response) => void response.writeHead(302, { Location: "/other" }).end()],
    ["breaks the connection", (response) => void response.socket?.destroy()],
  ])("that %s at first gets it again", async (_, fail) => {
    const { url, got } = await receiver((response, count) => (count < 3 ? fail(response, count) : ok(response, count)));
    const { hook, log } = webhook({ url });
    hook.send(NOTICE);
    await until(() => got.length === 3);
    expect(got.map(({ path }) => path)).toEqual(["/hook", "/hook", "/hook"]);
    expect(log.map(({ event }) => event)).toEqual(["webhook_failed", "webhook_failed"]);
  });

  test("that stays silent is given up in time", async () => {
    const { url } = await receiver(() => undefined);
    const { hook, log } = webhook({ url, timeoutMs: 20, pausesMs: [] });
    hook.send(NOTICE);
    await until(() => log.length === 1);
    expect(log).toMatchObject([{ event: "webhook_dropped", code: "PST-MON-030", alert: "PST-DEC-001" }]);
  });

  test("that is dead costs the notice after its tries, and no later one", async () => {
    const { hook, log } = webhook({ url: "http://127.0.0.1:9/hook" });
    hook.send(NOTICE);
    hook.send({ ...NOTICE, code: "PST-MON-020" });
    await until(() => log.filter(({ event }) => event === "webhook_dropped").length === 2);
    expect(log.filter(({ event }) => event === "webhook_dropped")).toMatchObject([
      { alert: "PST-DEC-001", tries: 3, reason: "ECONNREFUSED" },
      { alert: "PST-MON-020", tries: 3 },
    ]);
  });

  test("keeps no more than 200 waiting: the oldest goes, with a line", async () => {
    const { url } = await receiver(() => undefined);
    const { hook, log } = webhook({ url });
    for (let n = 0; n < 250; n += 1) hook.send(NOTICE);
    expect(log.filter(({ reason }) => reason === "queue full").length).toBe(50);
    await hook.close();
    expect(log.filter(({ reason }) => reason === "stopping").length).toBe(200);
  });
});

test("what was not taken is given back at a stop in its order, and what comes later is dropped with a line", async () => {
  const { url, got } = await receiver(() => undefined);
  const { hook, log } = webhook({ url });
  for (const count of [1, 2]) hook.send({ ...NOTICE, count });
  await until(() => got.length === 1);
  expect((await hook.giveBack()).map(({ count }) => count)).toEqual([1, 2]);
  hook.send({ ...NOTICE, code: "PST-MON-020" });
  expect(log).toMatchObject([
    { event: "webhook_failed" },
    { event: "webhook_dropped", alert: "PST-MON-020", reason: "stopping" },
  ]);
});

describe("over https", () => {
  test("a receiver nobody vouches for gets nothing, one of the given authority gets it", async () => {
    const validity = { notBefore: Date.now() - 86_400_000, notAfter: Date.now() + 86_400_000 };
    const issuer = await issueAuthority({ ...validity, commonName: "Alerts CA" });
    const leaf = await issueServerCertificate({
      ...validity,
      commonName: "localhost",
      dnsNames: ["localhost"],
      issuer,
    });
    const { url, got } = await receiver(ok, createTlsServer({ key: leaf.keyPem, cert: leaf.certPem }) as never);
    const secure = url.replace("http://127.0.0.1", "https://localhost");
    const stranger = webhook({ url: secure, pausesMs: [] });
    stranger.hook.send(NOTICE);
    await until(() => stranger.log.length === 1);
    expect(got).toEqual([]);
    webhook({ url: secure, ca: issuer.certPem }).hook.send(NOTICE);
    await until(() => got.length === 1);
  });
});
