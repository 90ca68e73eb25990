/** Certificates as OpenSSL makes them, with whatever extensions a test asks for. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run } from "./peers.ts";

export type Request = {
  readonly name: string;
  /** Common name; `name` by default. */
  readonly subject?: string;
  /** Name of the certificate that signs it; its own key where there is none. */
  readonly by?: string;
  /** Name of the certificate whose key it has too. */
  readonly keyOf?: string;
  /** Lines of OpenSSL's configuration. */
  readonly extensions: readonly string[];
  readonly days?: number;
  readonly digest?: "sha256" | "sha1";
  readonly key?: "ec" | "rsa:1024" | "rsa:2048";
};

export type Issued = { readonly cert: string; readonly key: string };

/** PEM by name. A request may name one before it as issuer. */
export async function issueChain(requests: readonly Request[]): Promise<ReadonlyMap<string, Issued>> {
  const folder = mkdtempSync(join(tmpdir(), "postern-issuer-"));
  try {
    const issued = new Map<string, Issued>();
    for (const request of requests) issued.set(request.name, await issue(folder, request));
    return issued;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function issue(folder: string, request: Request): Promise<Issued> {
  const { name, by, extensions, days = 30, digest = "sha256", key = "ec", subject = name, keyOf } = request;
  const file = (of: string, kind: string): string => join(folder, `${of}.${kind}`);
  const config = ["[req]", "distinguished_name=dn", "x509_extensions=own", "[dn]", "[own]", ...extensions];
  writeFileSync(file(name, "cnf"), `${config.join("\n")}\n`);
  const { exitCode, stderr } = await run("/usr/bin/openssl", [
    ..."req -x509 -nodes".split(" "),
    ...Object.entries({
      "-config": file(name, "cnf"),
      "-subj": `/CN=${subject}`,
      "-days": `${days}`,
      "-out": file(name, "pem"),
    }).flat(),
    `-${digest}`,
    ...(keyOf === undefined ? ["-newkey", key, "-keyout", file(name, "key")] : ["-key", file(keyOf, "key")]),
    ...(keyOf === undefined && key === "ec" ? ["-pkeyopt", "ec_paramgen_curve:P-256"] : []),
    ...(by === undefined ? [] : ["-CA", file(by, "pem"), "-CAkey", file(by, "key")]),
  ]);
  if (exitCode !== 0) throw new Error(`openssl did not issue ${name}: ${stderr}`);
  return { cert: readFileSync(file(name, "pem"), "utf8"), key: readFileSync(file(keyOf ?? name, "key"), "utf8") };
}
