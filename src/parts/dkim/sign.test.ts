import { generateKeyPairSync } from "node:crypto";
import { dkimVerify } from "mailauth/lib/dkim/verify.js";
import { describe, expect, test } from "vitest";
import { isSameOrBelow, keyFor, keysByDomain, readSignature, signMessage } from "./sign.ts";
import type { DkimKey } from "./sign.ts";

const pairs = {
  rsa: generateKeyPairSync("rsa", { modulusLength: 2048 }),
  ed25519: generateKeyPairSync("ed25519"),
};

function keyOf(kind: "rsa" | "ed25519", domain = "example.org"): DkimKey {
  return {
    domain,
    selector: "gate",
    privateKey: pairs[kind].privateKey,
  };
}

/** Answers like the domain's DNS. */
function resolver(kind: "rsa" | "ed25519") {
  const der = pairs[kind].publicKey.export({ type: "spki", format: "der" });
  // RFC 8463 section 4: the bare 32 bytes.
  const key = (kind === "rsa" ? der : der.subarray(-32)).toString("base64");
  return async (): Promise<string[][]> => [[`v=DKIM1; k=${kind}; p=${key}`]];
}

async function* inChunks(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

const MAIL =
  "From: a@example.org\r\nTo: b@example.net\r\nSubject: x\r\nDate: Thu, 01 Jan 2026 00:00:00 +0000\r\n\r\nbody \r\n\r\n";

describe("signing", () => {
  test.each(["rsa", "ed25519"] as const)("a verifier accepts what was signed with %s", async (kind) => {
    const field = await signMessage({ message: inChunks(MAIL, 7), key: keyOf(kind), at: 1_767_225_600_000 });
    const verified = await dkimVerify(Buffer.concat([field, Buffer.from(MAIL)]), { resolver: resolver(kind) });
    expect(verified.results.map((result) => [result.status.result, result.signingDomain])).toEqual([
      ["pass", "example.org"],
    ]);
  });

  test("the fields of a TLS report are covered, where they are there (RFC 8460 section 5.3)", async () => {
    const fields = "TLS-Report-Domain: d.test\r\nTLS-Report-Submitter: example.org\r\nTLS-Required: No\r\n";
    for (const [text, isReport] of [
      [fields + MAIL, true],
      [MAIL, false],
    ] as const) {
      const field = await signMessage({ message: inChunks(text, 100), key: keyOf("rsa"), at: 0 });
      const { signedNames } = readSignature({ value: field.toString().replace(/\s/g, ""), start: 0, end: 0 });
      const covered = ["tls-report-domain", "tls-report-submitter", "tls-required"].map((name) =>
        signedNames.has(name),
      );
      expect(covered).toEqual([isReport, isReport, isReport]);
    }
  });

  test("a changed body does not verify", async () => {
    const field = await signMessage({ message: inChunks(MAIL, 100), key: keyOf("rsa"), at: 0 });
    const verified = await dkimVerify(Buffer.concat([field, Buffer.from(MAIL.replace("body", "soul"))]), {
      resolver: resolver("rsa"),
    });
    expect(verified.results[0]?.status.result).not.toBe("pass");
  });

  test("the same input gives the same field whatever the chunks", async () => {
    const make = async (size: number): Promise<string> =>
      (await signMessage({ message: inChunks(MAIL, size), key: keyOf("rsa"), at: 5000 })).toString();
    expect(await make(1)).toBe(await make(1000));
  });

  test("a key that cannot sign rejects", async () => {
    const { privateKey } = generateKeyPairSync("x25519");
    const signing = signMessage({ message: inChunks(MAIL, 100), key: { ...keyOf("rsa"), privateKey }, at: 0 });
    await expect(signing).rejects.toThrow("gate._domainkey.example.org");
  });

  test.each(["Subject: x\r\n\r\nbody\r\n", "\r\nFrom: a@example.org\r\n\r\nbody", ""])(
    "a message without From rejects: no verifier would believe the signature",
    async (text) => {
      const signing = signMessage({ message: inChunks(text, 3), key: keyOf("rsa"), at: 0 });
      await expect(signing).rejects.toThrow("without From");
    },
  );
});

test("the nearest aligned key is chosen", () => {
  const first = keyOf("rsa", "Mail.Example.org");
  const names = ["example.org", "mail.example.org", "example.com"];
  const keys = keysByDomain([first, ...names.map((name) => keyOf("rsa", name))]);
  expect(keyFor(keys, "eu.mail.example.org")).toBe(first);
  expect(keyFor(keys, "EXAMPLE.org")?.domain).toBe("example.org");
  expect(keyFor(keys, "badexample.org")).toBeNull();
  expect(isSameOrBelow("example.org", "mail.example.org")).toBe(false);
});

test("a signature tells its domain and the fields it covers", () => {
  const value = "v=1; a=rsa-sha256; d=Example.ORG;\r\n\th=From : Subject:\r\n\tsubject; bh=x=; b=y";
  const found = readSignature({ value: value.replaceAll("\r\n", ""), start: 3, end: 9 });
  expect(found).toEqual({ domain: "example.org", signedNames: new Set(["from", "subject"]), start: 3, end: 9 });
});
