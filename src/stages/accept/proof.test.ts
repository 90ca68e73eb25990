import { generateKeyPairSync } from "node:crypto";
import { dkimSign } from "mailauth/lib/dkim/sign.js";
import { afterEach, describe, expect, test } from "vitest";
import { CLIENT_CERTIFICATE, closeAll, listen, OWN, UNTRUSTED_CERTIFICATE } from "./accept.suite.ts";
import type { TestListener } from "./accept.suite.ts";
import type { Submitter } from "./options.ts";
import { proofHeaderNames } from "./options.ts";
import { hashPassword, passwordOf, verifyPassword } from "./password.ts";

afterEach(closeAll);

const LOCAL = ["127.0.0.0/8"];
const OPEN = ["EHLO me.test", "MAIL FROM:<a@b.test>"] as const;
const MESSAGE = "From: a@b.test\r\nSubject: x\r\n\r\nhello";

const PASSWORD_HASH = await hashPassword("correct", 10);
const AUTH: Submitter = {
  name: "app",
  networks: LOCAL,
  proof: {
    kind: "auth",
    users: [
      { name: "hashed", password: { kind: "scrypt", encoded: PASSWORD_HASH } },
      { name: "plain", password: { kind: "secret", secret: "pässword" } },
    ],
  },
};
const CERTIFICATE: Submitter = {
  name: "m365",
  networks: LOCAL,
  proof: { kind: "client-certificate", names: ["sender.test"] },
};
const HEADER: Submitter = {
  name: "tenant",
  networks: LOCAL,
  proof: { kind: "header", name: "X-Tenant-Id", value: "1f0c-42" },
};
const DKIM: Submitter = { name: "workspace", networks: LOCAL, proof: { kind: "dkim", domains: ["b.test"] } };

const plain = (name: string, password: string): string => Buffer.from(`\0${name}\0${password}`).toString("base64");
const base64 = (text: string): string => Buffer.from(text).toString("base64");

describe("who may relay", () => {
  test("nobody outside the submitters' networks, whatever proof they offer", async () => {
    const { dial } = await listen({
      submitters: [{ ...AUTH, networks: ["192.0.2.0/24"] }],
      limits: { greetingPauseMs: 0 },
    });
    const dialog = await dial();
    expect(await dialog.sayAll(...OPEN)).toBe("550 5.7.1 Relaying denied");
    await dialog.startTls();
    expect(await dialog.say("EHLO me.test")).not.toContain("AUTH");
    expect(await dialog.say(`AUTH PLAIN ${plain("hashed", "correct")}`)).toBe("502 5.5.1 Command not offered here");
  });

  test("nobody without TLS, but for the networks listed for it", async () => {
    const { dial, spool } = await listen({ plaintextNetworks: [] });
    const dialog = await dial();
    expect(await dialog.sayAll(...OPEN)).toBe("530 5.7.0 Say STARTTLS first");
    await dialog.startTls();
    expect(await dialog.say("MAIL FROM:<a@b.test>")).toBe("503 5.5.1 Say EHLO first");
    expect(await dialog.submit(MESSAGE)).toMatch(/^250/);
    expect(spool.submissions[0]?.submitter.tls).toEqual({
      protocol: "TLSv1.3",
      cipher: expect.stringMatching(/^TLS_/),
    });
  });
});

describe("AUTH", () => {
  const secured = async ({ dial }: TestListener): Promise<Awaited<ReturnType<TestListener["dial"]>>> => {
    const dialog = await dial();
    await dialog.startTls();
    await dialog.say("EHLO me.test");
    return dialog;
  };

  test.each([
    ["PLAIN at once", [`AUTH PLAIN ${plain("hashed", "correct")}`]],
    ["PLAIN when asked", ["AUTH PLAIN", plain("hashed", "correct")]],
    ["PLAIN as oneself", [`AUTH PLAIN ${base64("plain\0plain\0pässword")}`]],
    ["LOGIN when asked", ["AUTH LOGIN", base64("plain"), base64("pässword")]],
    ["LOGIN with the name at once", [`auth login ${base64("hashed")}`, base64("correct")]],
  ])("%s lets a known user submit", async (_, lines) => {
    const listener = await listen({ submitters: [AUTH] });
    const dialog = await secured(listener);
    expect(await dialog.say("MAIL FROM:<a@b.test>")).toBe("530 5.7.0 Authentication required");
    expect(await dialog.sayAll(...lines)).toBe("235 2.7.0 Authenticated");
    expect(await dialog.submit(MESSAGE)).toMatch(/^250/);
    expect(listener.spool.submissions[0]?.submitter).toMatchObject({ submitter: "app", proof: "auth" });
    expect(await dialog.say("AUTH PLAIN")).toBe("503 5.5.1 Authenticated already");
  });

  test.each([
    ["a wrong password", [`AUTH PLAIN ${plain("hashed", "wrong")}`], "535 5.7.8 Authentication failed"],
    ["an unknown user", [`AUTH PLAIN ${plain("nobody", "correct")}`], "535 5.7.8 Authentication failed"],
    ["another user's password", [`AUTH PLAIN ${plain("plain", "correct")}`], "535 5.7.8 Authentication failed"],
    ["an empty password", ["AUTH LOGIN", base64("plain"), "="], "535 5.7.8 Authentication failed"],
    ["a hash for a password", [`AUTH PLAIN ${plain("hashed", PASSWORD_HASH)}`], "535 5.7.8 Authentication failed"],
    [
      "a foreign identity",
      [`AUTH PLAIN ${base64("x\0hashed\0correct")}`],
      "501 5.5.2 Malformed authentication exchange",
    ],
    ["no base64", ["AUTH PLAIN !!!!"], "501 5.5.2 Malformed authentication exchange"],
    ["too few parts", [`AUTH PLAIN ${base64("hashed")}`], "501 5.5.2 Malformed authentication exchange"],
    ["a change of mind", ["AUTH PLAIN", "*"], "501 5.7.0 Authentication cancelled"],
    ["a late change of mind", ["AUTH LOGIN", base64("plain"), "*"], "501 5.7.0 Authentication cancelled"],
    ["another mechanism", ["AUTH CRAM-MD5"], "504 5.5.4 Mechanism not offered"],
    ["no mechanism", ["AUTH"], "501 5.5.2 Malformed authentication exchange"],
  ])("with %s is refused", async (_, lines, expected) => {
    const dialog = await secured(await listen({ submitters: [AUTH] }));
    expect(await dialog.sayAll(...lines)).toBe(expected);
    expect(await dialog.say("MAIL FROM:<a@b.test>")).toBe("530 5.7.0 Authentication required");
  });

  test("is neither offered nor taken before TLS", async () => {
    const { dial } = await listen({ submitters: [AUTH] });
    const dialog = await dial();
    expect(await dialog.say("EHLO me.test")).not.toContain("AUTH");
    expect(await dialog.say(`AUTH PLAIN ${plain("hashed", "correct")}`)).toMatch(/^538 5\.7\.11/);
    await dialog.startTls();
    expect(await dialog.say("EHLO me.test")).toContain("250-AUTH PLAIN LOGIN");
  });

  test("is refused to a peer whose connections together failed too often, also with the right password", async () => {
    const { dial } = await listen({ submitters: [AUTH], limits: { authFailuresMax: 3, authFailuresPerPeerMax: 2 } });
    const first = await dial();
    await first.startTls();
    await first.say("EHLO me.test");
    for (const password of ["wrong", "worse"]) await first.say(`AUTH PLAIN ${plain("hashed", password)}`);
    const second = await dial();
    await second.startTls();
    await second.say("EHLO me.test");
    expect(await second.say(`AUTH PLAIN ${plain("hashed", "correct")}`)).toMatch(/^421 4\.7\.0 Too many failed/);
    expect(await second.reply()).toBe("closed");
  });

  test("ends the connection after authFailuresMax failures, and logs no name", async () => {
    const listener = await listen({ submitters: [AUTH], limits: { authFailuresMax: 2 } });
    const dialog = await secured(listener);
    expect(await dialog.say(`AUTH PLAIN ${plain("hashed", "wrong")}`)).toMatch(/^535/);
    expect(await dialog.say(`AUTH PLAIN ${plain("hashed", "wrong")}`)).toBe(
      "421 4.7.0 Too many failed authentications",
    );
    expect(await dialog.reply()).toBe("closed");
    expect(JSON.stringify(listener.log)).not.toMatch(/hashed|wrong/);
  });

  test("a password may be given as text or as a hash of it", async () => {
    expect(passwordOf(PASSWORD_HASH)).toEqual({ kind: "scrypt", encoded: PASSWORD_HASH });
    expect(await verifyPassword("correct", passwordOf(PASSWORD_HASH))).toBe(true);
    expect(await verifyPassword("wrong", passwordOf(PASSWORD_HASH))).toBe(false);
    expect(await verifyPassword("text", passwordOf("text"))).toBe(true);
  });

  test.each(["scrypt:10:8:1:short:short", "scrypt:30:8:1:AAAAAAAAAAAAAAAAAAAAAA==:AAAAAAAAAAAAAAAAAAAAAA=="])(
    "a hash that cannot be used, %s, stops the start",
    async (text) => {
      const proof = { kind: "auth", users: [{ name: "x", password: passwordOf(text) }] } as const;
      await expect(listen({ submitters: [{ ...AUTH, proof }] })).rejects.toMatchObject({ code: "PST-ACC-033" });
    },
  );
});

describe("a client certificate", () => {
  test.each([
    ["of the agreed name and CA", CLIENT_CERTIFICATE, /^250/],
    ["of the agreed name and nobody's CA", UNTRUSTED_CERTIFICATE, /^550 5\.7\.1/],
    ["that is missing", {}, /^550 5\.7\.1/],
  ])("%s decides at MAIL", async (_, certificate, expected) => {
    const { dial } = await listen({ submitters: [CERTIFICATE] });
    const dialog = await dial();
    expect(await dialog.sayAll(...OPEN)).toBe("550 5.7.1 Relaying denied");
    await dialog.startTls(certificate);
    expect(await dialog.sayAll(...OPEN)).toMatch(expected);
  });

  test("of another name is refused", async () => {
    const proof = { kind: "client-certificate", names: ["other.test"] } as const;
    const { dial } = await listen({ submitters: [{ ...CERTIFICATE, proof }] });
    const dialog = await dial();
    await dialog.startTls(CLIENT_CERTIFICATE);
    expect(await dialog.sayAll(...OPEN)).toBe("550 5.7.1 Relaying denied");
  });
});

describe("a header as proof", () => {
  test.each([
    ["once and right", "X-Tenant-Id: 1f0c-42\r\n", true],
    ["once, right, in another case and folded", "x-tenant-ID:\r\n  1f0c-42 \r\n", true],
    ["missing", "", false],
    ["of another value", "X-Tenant-Id: 1f0c-43\r\n", false],
    ["of a longer value", "X-Tenant-Id: 1f0c-42x\r\n", false],
    ["twice, both right", "X-Tenant-Id: 1f0c-42\r\nX-Tenant-Id: 1f0c-42\r\n", false],
    ["twice, once wrong", "X-Tenant-Id: 1f0c-42\r\nx-tenant-id: other\r\n", false],
    ["beside one in obsolete form", "X-Tenant-Id: 1f0c-42\r\nX-Tenant-Id : other\r\n", false],
    ["in obsolete form", "X-Tenant-Id : 1f0c-42\r\n", false],
    ["inside another header", "Subject: x\r\n X-Tenant-Id: 1f0c-42\r\n", false],
    ["in the body", "\r\nX-Tenant-Id: 1f0c-42\r\n", false],
  ])("%s decides after DATA", async (_, header, isTaken) => {
    const { dial, spool } = await listen({ submitters: [HEADER] });
    const reply = await (await dial()).submit(`From: a@b.test\r\n${header}\r\nhello`);
    expect(reply).toMatch(isTaken ? /^250/ : /^550 5\.7\.1/);
    expect(spool.submissions.map(({ submitter }) => [submitter.submitter, submitter.proof])).toEqual(
      isTaken ? [["tenant", "header"]] : [],
    );
    expect(spool.aborted).toHaveLength(isTaken ? 0 : 1);
  });

  test("is one of several submitters that share a network: each is known by its own value", async () => {
    const other: Submitter = {
      ...HEADER,
      name: "other",
      proof: { kind: "header", name: "X-Other", value: "secret-2" },
    };
    const { dial, spool } = await listen({ submitters: [HEADER, other] });
    expect(await (await dial()).submit("X-Other: secret-2\r\n\r\nhello")).toMatch(/^250/);
    expect(spool.submissions[0]?.submitter.submitter).toBe("other");
    expect(proofHeaderNames([HEADER, other, OWN])).toEqual(["X-Tenant-Id", "X-Other"]);
  });
});

describe("DKIM as proof", () => {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const record = `v=DKIM1; k=rsa; p=${publicKey.export({ type: "spki", format: "der" }).toString("base64")}`;
  const pem = privateKey.export({ type: "pkcs8", format: "pem" });

  const signed = async (domain: string, options: { readonly maxBodyLength?: number } = {}): Promise<string> => {
    const key = { signingDomain: domain, selector: "s1", privateKey: pem, ...options };
    const { signatures } = await dkimSign(`${MESSAGE}\r\n`, {
      ...key,
      canonicalization: "relaxed/relaxed",
      signTime: new Date(0),
      signatureData: [key],
    });
    return `${signatures}${MESSAGE}`;
  };

  const withKey = async (): Promise<TestListener> => {
    const listener = await listen({ submitters: [DKIM] });
    listener.resolver.txtRecords.set("s1._domainkey.b.test", { kind: "found", value: [record], security: "insecure" });
    return listener;
  };

  test("a valid signature of an own domain is taken", async () => {
    const { dial, spool } = await withKey();
    expect(await (await dial()).submit(await signed("b.test"))).toMatch(/^250/);
    expect(spool.submissions[0]?.submitter).toMatchObject({ submitter: "workspace", proof: "dkim" });
    expect(spool.disowned).toEqual([]);
  });

  test.each([
    ["no signature", async () => MESSAGE],
    ["a body changed after signing", async () => `${await signed("b.test")} changed`],
    ["a signature of another domain", () => signed("evil.test")],
    ["a signature of a subdomain", () => signed("sub.b.test")],
    ["a signature over part of the body", () => signed("b.test", { maxBodyLength: 2 })],
  ])("%s is refused, and the body disowned", async (_, make) => {
    const { dial, spool, resolver } = await withKey();
    resolver.txtRecords.set("s1._domainkey.evil.test", { kind: "found", value: [record], security: "insecure" });
    expect(await (await dial()).submit(await make())).toMatch(/^550 5\.7\.1/);
    expect(spool.submissions).toEqual([]);
    expect(spool.disowned).toEqual(["blob-1"]);
    expect(resolver.asked.filter((name) => !name.endsWith("._domainkey.b.test"))).toEqual([]);
  });

  test.each([
    ["a second From above the signed one", "From: x@evil.test\r\n"],
    ["a second Subject above the signed one", "Subject: y\r\n"],
    ["a Content-Type beside another", "Content-Type: text/html\r\ncontent-type : text/plain\r\n"],
  ])("%s is refused: a signature does not cover it", async (_, fields) => {
    const { dial, spool } = await withKey();
    expect(await (await dial()).submit(`${fields}${await signed("b.test")}`)).toMatch(/^550 5\.7\.1/);
    expect(spool.submissions).toEqual([]);
  });

  test.each(["unavailable", "bogus"] as const)("a key that is %s defers: unknown is not absent", async (kind) => {
    const { dial, spool, resolver } = await withKey();
    resolver.txtRecords.set("s1._domainkey.b.test", { kind, detail: "" });
    expect(await (await dial()).submit(await signed("b.test"))).toMatch(/^451 4\.7\.5/);
    expect(spool.submissions).toEqual([]);
    expect(spool.disowned).toEqual(["blob-1"]);
  });

  test("a key that does not exist refuses", async () => {
    const { dial, resolver } = await withKey();
    resolver.txtRecords.clear();
    expect(await (await dial()).submit(await signed("b.test"))).toMatch(/^550 5\.7\.1/);
  });

  test("stands beside a header: either proves its own submitter", async () => {
    const { dial, spool } = await listen({ submitters: [DKIM, HEADER] });
    expect(await (await dial()).submit("X-Tenant-Id: 1f0c-42\r\n\r\nhello")).toMatch(/^250/);
    expect(spool.submissions[0]?.submitter.submitter).toBe("tenant");
  });
});
