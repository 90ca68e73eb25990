import { generateKeyPairSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { inspect } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { issueServerCertificate } from "../keys/issue-certificate.ts";
import { noteSignerOf } from "./config-audit.ts";
import { loadConfig } from "./config.ts";
import type { Config, ConfigLoading } from "./config.ts";
import type { ConfigEnvironment } from "./secret.ts";
import { formatYamlError } from "./yaml-source.ts";

const NOW = Date.parse("2026-11-21T12:00:00Z");
const DAY_MS = 86_400_000;
const PATH = "/etc/postern/postern.yaml";
const files = new Map<string, { readonly bytes: Buffer; readonly mode: number }>();

function put(path: string, content: string | Buffer, mode = 0o640): void {
  files.set(`/etc/postern/${path}`, { bytes: Buffer.from(content), mode });
}

async function putPair(name: string, from: number, to: number): Promise<void> {
  const { certPem, keyPem } = await issueServerCertificate({
    commonName: "gateway.example.org",
    dnsNames: ["gateway.example.org"],
    issuer: "self",
    notBefore: from,
    notAfter: to,
  });
  put(`certs/${name}.pem`, certPem, 0o644);
  put(`certs/${name}.key`, keyPem);
}

beforeAll(async () => {
  await putPair("smtp", NOW - DAY_MS, NOW + 300 * DAY_MS);
  await putPair("expired", NOW - 400 * DAY_MS, NOW - 50 * DAY_MS);
  await putPair("future", NOW + DAY_MS, NOW + 300 * DAY_MS);
  await putPair("soon", NOW - DAY_MS, NOW + 13 * DAY_MS);
  put("certs/open.key", files.get("/etc/postern/certs/smtp.key")?.bytes ?? "", 0o644);
  put("keys/spool.key", "0123456789abcdef".repeat(4));
  put("keys/addresses.key", "fedcba9876543210".repeat(4));
  put("keys/audit.key", "0f1e2d3c4b5a6978".repeat(4));
  put("keys/short.key", "0123456789abcdef");
  put("keys/group.key", "0123456789abcdef".repeat(4), 0o640);
  put("keys/edm-short.key", "0123456789abcdef", 0o600);
  put("keys/edm-long.key", "0123456789abcdef".repeat(4), 0o600);
  put("keys/empty.key", "");
  put("keys/password", "correct horse\n");
  const rsa = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ type: "pkcs8", format: "pem" });
  put("keys/rsa1024.pem", rsa);
  const ed25519 = generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
  put("keys/dkim.pem", ed25519);
  put("dlp/us-hipaa.yaml", "version: 1\n", 0o644);
  files.set("/run/credentials/spool", { bytes: Buffer.from("0123456789ABCDEF".repeat(4)), mode: 0o400 });
});

function fail(code: string): never {
  throw Object.assign(new Error(code), { code });
}

function load(text: string, variables: ConfigEnvironment["variables"] = {}): ConfigLoading {
  const environment: ConfigEnvironment = {
    variables,
    hostname: "gateway.example.org",
    now: NOW,
    readFile: (path) => (path === PATH ? Buffer.from(text) : (files.get(path)?.bytes ?? fail("ENOENT"))),
    fileMode: (path) => files.get(path)?.mode ?? fail("ENOENT"),
  };
  return loadConfig(PATH, environment);
}

function loadGood(text: string, variables: ConfigEnvironment["variables"] = {}): Config {
  const loading = load(text, variables);
  if (!loading.ok) throw new Error(loading.errors.map(formatYamlError).join("\n"));
  return loading.config;
}

describe("every way to misconfigure says what is wrong and where", () => {
  const folder = new URL("../../../test/bad-config/", import.meta.url);
  const names = readdirSync(folder).filter((name) => name.endsWith(".yaml"));

  test("there are cases, and none has the number of another", () => {
    expect(names.length).toBeGreaterThan(60);
    expect(new Set(names.map((name) => name.split("-")[0])).size).toBe(names.length);
  });

  test.each(names)("%s", (name) => {
    const text = readFileSync(new URL(name, folder), "utf8");
    const expected = text.split("\n").flatMap((line) => (line.startsWith("# error: ") ? [line.slice(9)] : []));
    expect(expected.length).toBeGreaterThan(0);
    const loading = load(text);
    const said = loading.ok ? "no error" : loading.errors.map(formatYamlError).join("\n");
    for (const error of expected) expect(said).toContain(error);
    expect(said.split("\n").length).toBeLessThanOrEqual(expected.length + 5);
  });
});

test("a minimal file gives the shipped defaults, safe ones", () => {
  const config = loadGood("version: 1\n");
  expect(config).toMatchObject({
    hostname: "gateway.example.org",
    dataDir: "/var/lib/postern",
    postmaster: "postmaster@gateway.example.org",
    allowed: [],
    listen: { address: "127.0.0.1", port: 2525, sizeBytesMax: 157_286_400, recipientsMax: 1000, plaintextNetworks: [] },
    policy: { phi: "standard", sensitive: "content", uninspectable: "standard", alreadyProtected: "opportunistic" },
    delivery: { port: 25, hostname: "gateway.example.org", allowPrivateDestinations: false, smarthosts: [] },
    dlp: { packs: ["/etc/postern/dlp/us-hipaa.yaml"], subjectTags: ["[secure]"] },
    hold: { deadlineHours: 72 },
    control: { socket: "/run/postern/control.sock" },
  });
  expect(config.submitters).toEqual([
    { name: "local", networks: ["127.0.0.0/8", "::1/128"], proof: { kind: "own-network" } },
  ]);
  expect(config.listen.tls.certificate).toContain("BEGIN CERTIFICATE");
});

test("a key with nothing behind it keeps its default", () => {
  expect(loadGood("version: 1\nlisten:\npolicy:\n  phi:\n").policy.phi).toBe("standard");
});

test("every proof of a submitter arrives with its secrets resolved", () => {
  const config = loadGood(
    `
version: 1
own_domains: [example.org]
listen: { tls: { request_client_certificate: true } }
submitters:
  - { name: a, networks: [192.0.2.1], proof: { auth: { users: [{ name: u, password: file:keys/password }] } } }
  - { name: b, networks: [192.0.2.2], proof: { client_certificate: { names: [mail.example.org] } } }
  - { name: c, networks: [40.92.0.0/15], proof: { header: { name: X-Tenant, value: 00000000-aaaa } } }
  - { name: d, networks: [40.92.0.0/15], proof: { header: { name: X-Tenant, value: "env:TENANT" } } }
  - { name: e, networks: [209.85.128.0/17], proof: { dkim: {} } }
`,
    { TENANT: "from the environment" },
  );
  const [a, b, c, d, e] = config.submitters.map((submitter) => submitter.proof);
  expect(a?.kind === "auth" && a.users[0]?.password.text()).toBe("correct horse");
  expect(b).toEqual({ kind: "client-certificate", names: ["mail.example.org"] });
  expect(c?.kind === "header" && c.value.text()).toBe("00000000-aaaa");
  expect(d?.kind === "header" && d.value.text()).toBe("from the environment");
  expect(e).toEqual({ kind: "dkim", domains: ["example.org"] });
});

test("credentials of systemd are read from their folder", () => {
  const config = loadGood('version: 1\nkeys: { spool: "credential:spool" }\n', {
    CREDENTIALS_DIRECTORY: "/run/credentials",
  });
  expect(config.keys.spool.text()).toBe("0123456789ABCDEF".repeat(4));
});

test("no way of printing a configuration shows a secret", () => {
  const config = loadGood("version: 1\n");
  const prints = [
    JSON.stringify(config),
    inspect(config, { depth: 10 }),
    String(config.keys.spool),
    String(config.listen.tls.key),
  ];
  for (const print of prints) {
    expect(print).not.toContain("0123456789abcdef");
    expect(print).not.toContain("PRIVATE KEY");
  }
  expect(prints[0]).toContain("[redacted]");
});

test("opt-outs are listed for the audit", () => {
  const config = loadGood(`
version: 1
listen: { plaintext_networks: [192.0.2.7] }
dns: { trust_ad: always }
delivery: { allow_private_destinations: true }
policy:
  destinations:
    - { match: old.example, lower_to: { profile: minimum, reason: certificate replaced, expires: 2026-12-31 } }
`);
  expect(config.allowed).toEqual([
    "delivery.allow_private_destinations",
    "dns.trust_ad: always",
    "listen.plaintext_networks: 192.0.2.7",
    "policy.destinations.lower_to: old.example",
  ]);
  expect(config.policy.destinations[0]?.lowerTo?.expiresAt).toBe(Date.parse("2026-12-31T23:59:59.999Z"));
});

test("a configuration without any rule pack says that nothing looks for PHI", () => {
  expect(loadGood("version: 1\ndlp: { packs: [] }\n").allowed).toEqual(["dlp.packs is empty: nothing looks for PHI"]);
});

test("a certificate near its end and a rule near its end are warnings, not errors", () => {
  const loading = load(`
version: 1
keys: { audit: file:keys/audit.key }
listen: { tls: { certificate: file:certs/soon.pem, key: file:certs/soon.key } }
policy:
  destinations:
    - { match: old.example, lower_to: { profile: minimum, reason: certificate replaced, expires: 2026-12-01 } }
`);
  expect(loading.ok).toBe(true);
  expect(loading.warnings.map(formatYamlError)).toEqual([
    `${PATH}:4:31 listen.tls.certificate: expires on 2026-12-04, in less than 14 days`,
    `${PATH}:7:98 policy.destinations[0].lower_to.expires: is less than 14 days away`,
  ]);
});

test("without a key for the audit there is a warning, with one there is a signer of this gateway's name", () => {
  const unsigned = load("version: 1\n");
  expect(unsigned.warnings.map(({ path, message }) => `${path}: ${message}`).join()).toMatch(/^keys: has no key audit/);
  const { audit } = loadGood("version: 1\nkeys: { audit: file:keys/audit.key }\n");
  expect(noteSignerOf(audit)?.name).toBe("gateway.example.org/audit");
  expect(audit).toMatchObject({
    checkpointMinutes: 10,
    checkpointRows: 10_000,
    checkpointFile: null,
    retentionDays: 2192,
  });
});

test.each([
  ["send: false", "", 0],
  ["send: true", "own_domains: [mail.clinic.example]", 1],
  ["send: true", "postmaster: postmaster@clinic.example", 1],
  ["send: true", "", 0],
])("TLS reports, %s, %s: %i warning that nobody takes them without a signature", (reports, more, expected) => {
  const { warnings } = load(`version: 1\ntls_reports: { ${reports} }\n${more}\n`);
  expect(warnings.filter(({ path }) => path === "tls_reports.send").length).toBe(expected);
});

test.each([
  ["[192.0.2.53]", "loopback", 1],
  ["[192.0.2.53, 127.0.0.1]", "loopback", 0],
  ["[192.0.2.53]", "never", 0],
  ["[192.0.2.53]", "always", 0],
])("resolvers %s under trust_ad %s: %i warning that DANE is off", (servers, rule, expected) => {
  const { warnings } = load(`version: 1\ndns: { servers: ${servers}, trust_ad: ${rule} }\n`);
  expect(warnings.filter(({ message }) => message.includes("DANE is off")).length).toBe(expected);
});

test("a certificate for another name is a warning", () => {
  const { warnings } = load("version: 1\nhostname: other.example.org\n");
  expect(warnings.map((warning) => warning.message).join()).toContain("does not name other.example.org");
});

test("a configuration is frozen to its depth", () => {
  const config = loadGood("version: 1\n");
  expect(() => Object.assign(config.policy, { phi: "minimum" })).toThrow(TypeError);
  expect(Object.isFrozen(config.delivery.retry.scheduleSeconds)).toBe(true);
});

test("an unreadable file is one error that names it", () => {
  const environment: ConfigEnvironment = {
    variables: {},
    hostname: "h",
    now: NOW,
    readFile: () => fail("EACCES"),
    fileMode: () => 0,
  };
  const loading = loadConfig("/etc/postern/none.yaml", environment);
  expect(loading.ok ? [] : loading.errors.map(formatYamlError)).toEqual([
    "/etc/postern/none.yaml:1:1: cannot be read (EACCES); run the command as root",
  ]);
});

test("a machine without a full name must be given one", () => {
  const environment: ConfigEnvironment = {
    variables: {},
    hostname: "box",
    now: NOW,
    readFile: (path) => (path === PATH ? Buffer.from("version: 1\n") : (files.get(path)?.bytes ?? fail("ENOENT"))),
    fileMode: (path) => files.get(path)?.mode ?? fail("ENOENT"),
  };
  const loading = loadConfig(PATH, environment);
  expect(loading.ok ? [] : loading.errors.map(({ path }) => path)).toEqual(["hostname"]);
});

describe("a row of policy.destinations", () => {
  const tls = { mxNames: null, isHostGiven: false, certificateName: null, ca: null, spkiPins: [], minVersion: null };

  test("holds the rule for the mail and the rule for the connection", () => {
    const pin = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    const config = loadGood(`
version: 1
policy:
  requiretls: prefer
  destinations:
    - match: partner.example
      raise_to: strict
      fallback: defer
      requiretls: require
      require_content_protection: true
      tls:
        mx_names: [mx.partner.example, "*.partner.example"]
        ca_file: certs/smtp.pem
        spki_pins: [${pin}]
        min_version: TLSv1.3
        require_dane: true
        ignore_mta_sts: { reason: their policy is out of date, expires: 2026-12-31 }
delivery:
  tls: { fips_only: true }
  smarthosts:
    - { domains: [other.example], host: 192.0.2.9, tls: { certificate_name: relay.example, min_version: TLSv1.2 } }
`);
    const [row] = config.policy.destinations;
    expect(config.policy.requireTls).toBe("prefer");
    expect(row).toEqual({
      match: "partner.example",
      raiseTo: "strict",
      lowerTo: null,
      requireContentProtection: true,
      fallback: "defer",
      requireTls: "require",
      ignoreSts: { reason: "their policy is out of date", expiresAt: Date.parse("2026-12-31T23:59:59.999Z") },
      tls: {
        ...tls,
        of: "partner.example",
        mxNames: ["mx.partner.example", "*.partner.example"],
        ca: expect.stringContaining("BEGIN CERTIFICATE"),
        spkiPins: [pin],
        minVersion: "TLSv1.3",
        requireDane: true,
      },
    });
    const relay = { of: "smarthost 192.0.2.9", isHostGiven: true, certificateName: "relay.example" };
    expect(config.delivery.smarthosts[0]?.tls).toEqual({ ...tls, ...relay, minVersion: "TLSv1.2", requireDane: false });
    expect(config.delivery.tls.fipsOnly).toBe(true);
    expect(config.allowed).toEqual(["policy.destinations.tls.ignore_mta_sts: partner.example"]);
  });

  test("that only ignores a policy asks nothing of the connection, and is warned of before its last day", () => {
    const loading = load(`version: 1
policy:
  destinations:
    - { match: a.example, tls: { ignore_mta_sts: { reason: their policy is out of date, expires: 2026-12-01 } } }
`);
    if (!loading.ok) throw new Error("it loads");
    expect(loading.config.policy.destinations[0]).toMatchObject({ tls: null, ignoreSts: {} });
    expect(loading.warnings.map(formatYamlError)).toContainEqual(
      expect.stringContaining("policy.destinations[0].tls.ignore_mta_sts.expires: is less than 14 days away"),
    );
  });
});
