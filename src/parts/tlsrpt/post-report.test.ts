/** Against real HTTPS servers on loopback. */
import { createServer } from "node:https";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { issueAuthority, issueServerCertificate } from "../keys/issue-certificate.ts";
import { postReport } from "./post-report.ts";
import type { PostDeps } from "./post-report.ts";

const DAY_MS = 86_400_000;
const GZIP = Buffer.from("bytes of a report");
let ca = "";
let good: Server;
let misnamed: Server;
const seen: { readonly path: string; readonly type: string; readonly host: string; readonly body: Buffer }[] = [];

/** By path. */
const ANSWERS: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "/ok": (response) => void response.writeHead(201).end(),
  "/away": (response) => void response.writeHead(301, { Location: "https://elsewhere.test/ok" }).end(),
  "/no": (response) => void response.writeHead(403).end(),
  "/later": (response) => void response.writeHead(429).end(),
  "/broken": (response) => void response.writeHead(500).end("x".repeat(100_000)),
  "/large": (response) => void response.writeHead(200, { "X-Large": "x".repeat(40_000) }).end(),
  "/silent": () => undefined,
};

async function listen(names: readonly [string, ...string[]], authority: Awaited<ReturnType<typeof issueAuthority>>) {
  const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
  const issued = await issueServerCertificate({
    ...validity,
    commonName: names[0],
    dnsNames: names,
    issuer: authority,
  });
  const server = createServer({ key: issued.keyPem, cert: issued.certPem }, (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const { "content-type": type = "", host = "" } = request.headers;
      seen.push({ path: request.url ?? "", type, host, body: Buffer.concat(chunks) });
      ANSWERS[request.url ?? ""]?.(response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

beforeAll(async () => {
  const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
  const authority = await issueAuthority({ ...validity, commonName: "Test CA" });
  ca = authority.certPem;
  good = await listen(["collector.test"], authority);
  misnamed = await listen(["other.test"], authority);
});
afterAll(() => {
  for (const server of [good, misnamed]) {
    server.closeAllConnections();
    server.close();
  }
});

function post(url: string, changes: Partial<PostDeps> & { readonly trusted?: readonly string[] | null } = {}) {
  const { trusted = [ca], ...deps } = changes;
  return postReport(
    { url, gzip: GZIP },
    { timeoutMs: 300, ca: trusted },
    {
      addressesOf: async () => ["127.0.0.1"],
      mayDial: () => true,
      signal: new AbortController().signal,
      ...deps,
    },
  );
}

const at = (path: string): string => `https://collector.test:${portOf(good)}${path}`;

test("a report is posted whole, with its type, to the name in the address", async () => {
  expect(await post(at("/ok"))).toEqual({ kind: "posted" });
  expect(seen.at(-1)).toEqual({
    path: "/ok",
    type: "application/tlsrpt+gzip",
    host: `collector.test:${portOf(good)}`,
    body: GZIP,
  });
});

test.each<readonly [string, "failed" | "refused", string]>([
  ["/away", "refused", "status 301"],
  ["/no", "refused", "status 403"],
  ["/later", "failed", "status 429"],
  ["/broken", "failed", "status 500"],
  ["/large", "failed", "HPE_HEADER_OVERFLOW"],
  ["/silent", "failed", "ABORT_ERR"],
])("an answer %s is %s: %s", async (path, kind, why) => {
  const before = seen.length;
  expect(await post(at(path))).toEqual({ kind, why });
  expect(seen.length - before).toBe(1);
});

test("a server that does not prove its name gets nothing", async () => {
  const before = seen.length;
  const wrong = `https://collector.test:${portOf(misnamed)}/ok`;
  expect(await post(wrong)).toEqual({ kind: "failed", why: "NAME_MISMATCH" });
  expect((await post(at("/ok"), { trusted: null })).kind).toBe("failed");
  expect(seen.length).toBe(before);
});

test.each<readonly [string, string]>([
  ["http://collector.test/ok", "not an https address"],
  ["https://127.0.0.1/ok", "an address without a name"],
  ["https://[::1]/ok", "an address without a name"],
  ["https://0x7f.1/ok", "an address without a name"],
  ["https://user:secret@collector.test/ok", "a password in the address"],
  [`https://collector.test/${"x".repeat(3_000)}`, "not an https address"],
  ["https://", "not an https address"],
])("nothing goes to %s", async (url, why) => {
  expect(await post(url)).toEqual({ kind: "refused", why });
});

test("an address inside is never dialled, also where another one would do", async () => {
  const before = seen.length;
  const mayDial = (address: string): boolean => address !== "127.0.0.1";
  expect(await post(at("/ok"), { mayDial })).toEqual({ kind: "refused", why: "an address inside" });
  const both = { mayDial, addressesOf: async () => ["127.0.0.1", "127.0.0.9"] };
  expect((await post(at("/ok"), both)).kind).toBe("failed");
  expect(seen.length).toBe(before);
});

test("a name without an address, and a stop, are failures that may pass", async () => {
  expect(await post(at("/ok"), { addressesOf: async () => null })).toEqual({ kind: "failed", why: "no address found" });
  expect((await post(at("/ok"), { signal: AbortSignal.abort() })).kind).toBe("failed");
});
