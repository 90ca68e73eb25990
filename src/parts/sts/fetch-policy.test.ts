/** Fetching over real TLS from a policy host on loopback, well-behaved and not (shared/data/transport/mta-sts-https.json). */
import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "vitest";
import { peers } from "../../../test/support/peers.ts";
import { policyText, startPolicyHost } from "../../../test/support/policy-host.ts";
import type { PolicyAnswer, PolicyHost, PolicyHostOptions, Shown } from "../../../test/support/policy-host.ts";
import { TRANSPORT_DATA } from "../../../test/support/transport-data.ts";
import type { DnsAnswer } from "../../core/dns-answer.ts";
import { mayDial } from "../dns/address-guard.ts";
import { createFetchPolicy, FETCH_DEFAULTS } from "./fetch-policy.ts";
import type { FetchOptions, StsFetch } from "./fetch-policy.ts";

const DOMAIN = "example.test";
const BODY = policyText("enforce", ["mx.example.test"]);
const POLICY = { mode: "enforce", mx: ["mx.example.test"], maxAgeSeconds: 604_800 };
const PATIENCE_MS = 5_000;
const SHORT_MS = 250;

const closings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closings.splice(0)) await close();
});

async function hostWith(answer: PolicyAnswer, options: PolicyHostOptions = {}): Promise<PolicyHost> {
  const host = await startPolicyHost(options);
  closings.push(() => host.close());
  host.serve(DOMAIN, answer);
  return host;
}

function found(...addresses: readonly string[]): DnsAnswer<readonly string[]> {
  return { kind: "found", value: addresses, security: "insecure" };
}

type Setting = {
  readonly answer?: DnsAnswer<readonly string[]>;
  readonly timeoutMs?: number;
  readonly options?: Partial<FetchOptions>;
  readonly domain?: string;
};

function fetchFrom(
  { port, ca }: Pick<PolicyHost, "port" | "ca">,
  { answer = found("127.0.0.1"), timeoutMs = PATIENCE_MS, options = {}, domain = DOMAIN }: Setting = {},
): Promise<StsFetch> {
  const all = { ...FETCH_DEFAULTS, port, ca: [ca], mayDial: () => true, ...options };
  const fetch = createFetchPolicy(all, { addresses: () => Promise.resolve(answer) });
  return fetch(domain, timeoutMs, new AbortController().signal);
}

const typeOf = (fetched: StsFetch): string => (fetched.kind === "policy" ? "accept" : fetched.failure.type);

type HttpsCase = {
  readonly id: string;
  readonly server: {
    readonly status?: number;
    readonly contentType?: string;
    readonly location?: string;
    readonly cert?: Shown;
    readonly maxVersion?: "TLSv1.1";
    readonly size?: number;
    readonly drip?: string;
    readonly truncate?: true;
    readonly address?: string;
  };
  readonly expect: string;
};

const given = peers("transport-data");
const cases: readonly HttpsCase[] = given.areMissing
  ? []
  : (JSON.parse(readFileSync(join(TRANSPORT_DATA, "mta-sts-https.json"), "utf8")) as { cases: HttpsCase[] }).cases;

const EXPECTED: Readonly<Record<string, string>> = {
  accept: "accept",
  "fetch-error": "sts-policy-fetch-error",
  "webpki-error": "sts-webpki-invalid",
};

describe.skipIf(given.areMissing)(`policy hosts as others list them${given.note}`, () => {
  test("are all there", () => expect(cases).toHaveLength(16));

  test.each(cases)("$id: $expect", async ({ id, server, expect: expected }) => {
    const { status, contentType, location, cert, maxVersion, size, drip, truncate, address } = server;
    // Only the rows about the answer say how it is typed.
    const isAnswered = cert === undefined && maxVersion === undefined && address === undefined;
    const isUntyped = isAnswered && id === "no-content-type";
    const answer: PolicyAnswer = {
      ...(status === undefined ? {} : { status }),
      contentType: isUntyped ? null : (contentType ?? "text/plain"),
      ...(location === undefined ? {} : { headers: { Location: location } }),
      body: size === undefined ? BODY : BODY.padEnd(size, "x"),
      ...(drip === undefined ? {} : { way: "drip" }),
      ...(truncate === undefined ? {} : { way: "truncate" }),
    };
    const tls = maxVersion === undefined ? {} : { tls: { minVersion: "TLSv1" as const, maxVersion } };
    const host = await hostWith(answer, tls);
    if (cert !== undefined) host.show(DOMAIN, cert);
    const guarded = { mayDial: (one: string) => mayDial(one, { allowPrivateDestinations: false }) };
    const fetched = await fetchFrom(host, {
      ...(address === undefined ? {} : { answer: found(address), options: guarded }),
      ...(drip === undefined ? {} : { timeoutMs: SHORT_MS }),
    });
    const type = EXPECTED[expected.replace(/ .*/, "")] ?? "";
    expect(fetched).toMatchObject(type === "accept" ? { policy: POLICY } : { failure: { type } });
    const mayBeAsked = cert === undefined && maxVersion === undefined && address === undefined;
    expect(host.asked.length).toBeLessThanOrEqual(mayBeAsked ? 1 : 0);
  });
});

describe("a policy host", () => {
  test("is asked once, by its name, for the one path, with no redirect followed", async () => {
    const host = await hostWith({ status: 301, headers: { Location: `https://mta-sts.${DOMAIN}/other` } });
    expect(typeOf(await fetchFrom(host))).toBe("sts-policy-fetch-error");
    expect(host.asked).toEqual([`mta-sts.${DOMAIN}`]);
  });

  test.each<[what: string, answer: PolicyAnswer, type: string]>([
    ["sends a policy that is none", { body: "garbage" }, "sts-policy-invalid"],
    ["sends nothing at all", { way: "silent" }, "sts-policy-fetch-error"],
    [
      "compresses what nobody asked to be",
      { body: BODY, headers: { "Content-Encoding": "gzip" } },
      "sts-policy-fetch-error",
    ],
    ["spells the media type in capitals", { body: BODY, contentType: "Text/Plain ;charset=us-ascii" }, "accept"],
    ["sends headers without end", { body: BODY, headers: { "X-Long": "x".repeat(20_000) } }, "sts-policy-fetch-error"],
  ])("that %s", async (_what, answer, type) => {
    const timeoutMs = answer.way === "silent" ? SHORT_MS : PATIENCE_MS;
    expect(typeOf(await fetchFrom(await hostWith(answer), { timeoutMs }))).toBe(type);
  });

  test.each<[shown: Shown, type: string]>([
    ["stranger", "sts-webpki-invalid"],
    ["expired", "sts-webpki-invalid"],
  ])("with a certificate that is of a %s", async (shown, type) => {
    const host = await hostWith({ body: BODY });
    host.show(DOMAIN, shown);
    expect(typeOf(await fetchFrom(host))).toBe(type);
  });

  test.each<[what: string, answer: DnsAnswer<readonly string[]>]>([
    ["does not exist", { kind: "absent", reason: "nxdomain", security: "insecure" }],
    ["has a forged address", { kind: "bogus", detail: "x" }],
    ["cannot be looked up", { kind: "unavailable", detail: "timeout" }],
    ["takes no connection", found("127.0.0.9")],
  ])("that %s is a fetch error", async (_what, answer) => {
    const host = await hostWith({ body: BODY });
    expect(typeOf(await fetchFrom(host, { answer }))).toBe("sts-policy-fetch-error");
  });

  test("is not looked for where the name cannot be one", async () => {
    const host = await hostWith({ body: BODY });
    expect(typeOf(await fetchFrom(host, { domain: "a_b.test" }))).toBe("sts-policy-fetch-error");
    expect(host.asked).toEqual([]);
  });
});

describe("several addresses", () => {
  /** Takes connections and says nothing. */
  async function startSilent(host: string, port: number): Promise<void> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => void sockets.add(socket.on("error", () => undefined)));
    await new Promise<void>((resolve) => server.listen(port, host, resolve));
    closings.push(
      () =>
        new Promise((resolve) => {
          for (const socket of sockets) socket.destroy();
          server.close(() => resolve());
        }),
    );
  }

  test("a dead one and a silent one leave time for the good one", async () => {
    const host = await hostWith({ body: BODY });
    await startSilent("127.0.0.3", host.port);
    const answer = found("127.0.0.9", "127.0.0.3", "127.0.0.1");
    const fetched = await fetchFrom(host, { answer, timeoutMs: 1_500 });
    expect(fetched).toEqual({ kind: "policy", policy: POLICY });
  });

  test("one with a false certificate does not hide the good one", async () => {
    const host = await hostWith({ body: BODY });
    const impostor = await startPolicyHost({ host: "127.0.0.3", port: host.port });
    closings.push(() => impostor.close());
    expect(typeOf(await fetchFrom(host, { answer: found("127.0.0.3", "127.0.0.1") }))).toBe("accept");
    expect(impostor.asked).toEqual([]);
  });

  test("those the guard refuses are left out", async () => {
    const host = await hostWith({ body: BODY });
    const options = { mayDial: (address: string) => address !== "127.0.0.1" };
    const fetched = await fetchFrom(host, { answer: found("127.0.0.1", "127.0.0.9"), options });
    expect(typeOf(fetched)).toBe("sts-policy-fetch-error");
    expect(host.asked).toEqual([]);
  });
});

test("no more are under way than allowed, and whoever waits for a place does not wait beyond its time", async () => {
  const host = await hostWith({ way: "silent" });
  host.serve("second.test", { body: BODY });
  const all = { ...FETCH_DEFAULTS, port: host.port, ca: [host.ca], mayDial: () => true, fetchesMax: 1 };
  const fetch = createFetchPolicy(all, { addresses: () => Promise.resolve(found("127.0.0.1")) });
  const { signal } = new AbortController();
  const stalled = fetch(DOMAIN, 600, signal);
  const ended: string[] = [];
  const hurried = fetch("second.test", 100, signal).then((fetched) => ended.push(`hurried ${typeOf(fetched)}`));
  const patient = fetch("second.test", PATIENCE_MS, signal).then((fetched) => ended.push(`patient ${typeOf(fetched)}`));
  await Promise.all([stalled, hurried, patient]);
  expect(ended).toEqual(["hurried sts-policy-fetch-error", "patient accept"]);
  expect(host.asked).toEqual([`mta-sts.${DOMAIN}`, "mta-sts.second.test"]);
});

test("a few dozen policy hosts that keep silent leave a place for others", async () => {
  const host = await hostWith({ way: "silent" });
  host.serve("second.test", { body: BODY });
  const all = { ...FETCH_DEFAULTS, port: host.port, ca: [host.ca], mayDial: () => true };
  const fetch = createFetchPolicy(all, { addresses: () => Promise.resolve(found("127.0.0.1")) });
  const silent = new AbortController();
  const stalled = Array.from({ length: 40 }, () => fetch(DOMAIN, PATIENCE_MS, silent.signal));
  expect(typeOf(await fetch("second.test", PATIENCE_MS, new AbortController().signal))).toBe("accept");
  silent.abort();
  await Promise.all(stalled);
});
