import { expect, test } from "vitest";
import { changesOf, reloaded } from "./config-changes.ts";
import type { Config } from "./parts/config/config.ts";
import { Secret } from "./parts/config/secret.ts";

const secret = (text: string): Secret => new Secret(Buffer.from(text));

const running = {
  path: "/a",
  sha256: "1",
  allowed: [],
  policy: { phi: "standard", keepProvenMs: 1 },
  dlp: { packs: [] },
  retentionHours: 2,
  hold: { deadlineHours: 72 },
  dkim: [{ domain: "own.example", selector: "s", key: secret("one") }],
  listen: { port: 25, tls: { certificate: "a", key: secret("k"), requestClientCertificate: false, clientCa: null } },
  delivery: { port: 25, tls: { ca: null }, retry: { scheduleSeconds: [60, 300], lifetimeHours: 48 } },
  alerts: { webhook: { url: "https://a", ca: null } },
  roles: { viewer: { users: ["vera"], groups: [] } },
  audit: { key: null, keyName: "a/audit", previousKeys: [], retentionDays: 5 },
} as unknown as Config;
const { listen, delivery, audit } = running;

test.each([
  ["nothing", {}, [], []],
  ["facts about the file", { path: "/b", sha256: "2", allowed: ["x"] }, [], []],
  ["a floor", { policy: { ...running.policy, phi: "strict" } }, ["policy.phi"], []],
  [
    "what the file has elsewhere",
    { policy: { ...running.policy, keepProvenMs: 2 } },
    ["policy.downgrade.keep_hours"],
    [],
  ],
  [
    "a certificate",
    { listen: { ...listen, tls: { ...listen.tls, certificate: "b" } } },
    ["listen.tls.certificate"],
    [],
  ],
  [
    "CAs of clients",
    { listen: { ...listen, tls: { ...listen.tls, clientCa: "b" } } },
    ["listen.tls.client_ca_file"],
    [],
  ],
  [
    "whether clients are asked for certificates",
    { listen: { ...listen, tls: { ...listen.tls, requestClientCertificate: true } } },
    [],
    ["listen.tls.request_client_certificate"],
  ],
  ["another port", { listen: { ...listen, port: 26 } }, [], ["listen.port"]],
  [
    "retries, a hold and a new section",
    { hold: { deadlineHours: 1 }, mtaSts: { port: 1 }, delivery: { ...delivery, retry: { scheduleSeconds: [60] } } },
    [],
    ["delivery.retry.lifetime_hours", "delivery.retry.schedule_seconds", "hold.deadline_hours", "mta_sts"],
  ],
  ["a file of CAs", { delivery: { ...delivery, tls: { ca: "pem" } } }, [], ["delivery.tls.ca_file"]],
  ["no web hook any more", { alerts: { webhook: null } }, ["alerts.webhook"], []],
  ["who may what", { roles: {} }, ["roles"], []],
  [
    "how long is kept",
    { retentionHours: 3, audit: { ...audit, retentionDays: 9 } },
    ["audit.retention_days", "retention_hours"],
    [],
  ],
  ["the key of the audit", { audit: { ...audit, key: secret("two") } }, [], ["keys.audit"]],
  ["a new DKIM key", { dkim: [{ ...running.dkim[0], key: secret("two") }] }, ["dkim"], []],
  ["another secret in the same file", { submitters: [{ value: secret("two") }] }, [], ["submitters"]],
] as const)("of %s it is told what a reload takes over and what needs a restart", (_, change, reload, restart) => {
  const next = { ...running, ...change } as unknown as Config;
  expect(changesOf(running, next)).toEqual({ reload, restart });
  // And a reload does take over the one, and leaves the other.
  expect(changesOf(reloaded(running, next), next)).toEqual({ reload: [], restart });
});
