/** TLSA records for tests: read from text, made of certificates, and the vectors with which others judge by them. */
import { createHash, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { startMxServer } from "../../src/cli/loopback/mx-server.ts";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import type { DaneState, TlsaRecord } from "../../src/core/dane.ts";
import { TRANSPORT_DATA } from "./transport-data.ts";

const PORT_TRIES_MAX = 100;
const PORT_PAUSE_MS = 100;

export type UsableDane = Extract<DaneState, { kind: "usable" }>;

/** `3 1 1 0123abcd`, as a zone file has it. */
export function readTlsa(text: string): TlsaRecord {
  const [usage, selector, matching, data = ""] = text.split(" ");
  return {
    usage: Number(usage),
    selector: Number(selector),
    matching: Number(matching),
    data: Buffer.from(data, "hex"),
  };
}

/** The record of this kind, such as `3 1 1`, for the first certificate in `pem`. */
export function tlsaOf(kind: string, pem: string): TlsaRecord {
  const certificate = new X509Certificate(pem);
  const { selector, matching, usage } = readTlsa(kind);
  const whole = selector === 0 ? certificate.raw : certificate.publicKey.export({ type: "spki", format: "der" });
  const digest = matching === 1 ? "sha256" : "sha512";
  return { usage, selector, matching, data: matching === 0 ? whole : createHash(digest).update(whole).digest() };
}

/** The same as a zone file has it. */
export function recordText(kind: string, pem: string): string {
  return `${kind} ${Buffer.from(tlsaOf(kind, pem).data).toString("hex")}`;
}

export function usableDane(records: UsableDane["records"], names: UsableDane["names"]): UsableDane {
  return { kind: "usable", records, baseName: names[0], names };
}

export type DaneVector = {
  readonly id: string;
  /** Names of certificates, as they are sent. */
  readonly chain: readonly string[];
  readonly tlsa: readonly [string, ...string[]];
  readonly referenceIds: readonly [string, ...string[]];
  readonly expect: "pass" | "fail";
};

export type DaneVectors = {
  /** PEM by name. */
  readonly certificates: Readonly<Record<string, string>>;
  /** Keys of leaves, PEM by name. */
  readonly testKeys: Readonly<Record<string, string>>;
  readonly cases: readonly DaneVector[];
  /** OpenSSL's own verdict on some of these is another: they are for whoever reads the records. */
  readonly unusable: readonly { readonly id: string; readonly tlsa: readonly [string] }[];
};

export function daneVectors(): DaneVectors {
  return JSON.parse(readFileSync(join(TRANSPORT_DATA, "dane-tlsa-vectors.json"), "utf8")) as DaneVectors;
}

/** The port is what the signed zones say, and another test may have it for a moment. */
export async function listenOnPort(options: Parameters<typeof startMxServer>[0]): Promise<MxServer> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startMxServer(options);
    } catch (error) {
      if (tries === PORT_TRIES_MAX) throw error;
      await sleep(PORT_PAUSE_MS);
    }
  }
}
