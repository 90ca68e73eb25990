/** `postern init`: a commented configuration, keys and a certificate to begin with, and what to do next. Never overwrites. */
import { createPrivateKey, createPublicKey } from "node:crypto";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command } from "commander";
import { loadConfig } from "../../parts/config/config.ts";
import { formatYamlError } from "../../parts/config/yaml-source.ts";
import { CliError } from "../cli-error.ts";
import { gatherAnswers, PLATFORMS } from "../init/answers.ts";
import type { Answers, InitOptions } from "../init/answers.ts";
import { DKIM_SELECTOR, fillTemplate } from "../init/fill-template.ts";
import { InitFolder, newDkimKey, newKeyText } from "../init/init-files.ts";
import { printJsonLines, standardOutput } from "../output.ts";
import type { Output } from "../output.ts";
import { configEnvironment } from "../surroundings.ts";

const SHIPPED = new URL("../../../config/", import.meta.url);
const CONFIG = "postern.yaml";
const CERTIFICATE_DAYS = 90;
const DAY_MS = 86_400_000;
/** RFC 1035 section 3.3: a character-string of a TXT record. */
const TXT_CHARACTERS_MAX = 255;

export function initCommand(): Command {
  return new Command("init")
    .description("write a commented configuration, keys and a first certificate; asks for what is not given")
    .option("--hostname <name>", "public name of the gateway")
    .option("--domain <domain...>", "your mail domains")
    .option("--platform <name>", `where your mail comes from: ${PLATFORMS.join(", ")}`)
    .option("--tenant-id <id>", "of Microsoft 365")
    .option("--network <network...>", "of your own mail servers, for the platform network")
    .option("--listen <address:port>", "default: 0.0.0.0:25; 127.0.0.1:2525 where every --network is loopback")
    .option("--dir <folder>", "where the configuration goes", "/etc/postern")
    .option("--data-dir <folder>", "where mail is stored, encrypted", "/var/lib/postern")
    .option("--json", "one JSON object a file, then one a DNS record")
    .addHelpText(
      "after",
      "\nExamples:\n  postern init --hostname gateway.example.org --domain example.org --platform microsoft-365 \\" +
        "\n    --tenant-id 00000000-0000-0000-0000-000000000000" +
        "\n  postern init --hostname gateway.example.org --domain example.org --platform network \\" +
        "\n    --network 127.0.0.0/8 --dir ./try --data-dir ./try/data    # to try it on this machine alone" +
        "\n\nRun again after a change of mind: what is there is kept; remove a file to have it made anew.",
    )
    .action(async (options: Options, command: Command) => {
      const { config } = command.optsWithGlobals<{ readonly config?: string }>();
      if (config !== undefined) throw new CliError("init takes no --config", { next: DIR_HINT, exitCode: 2 });
      await init(options);
    });
}

type Options = InitOptions & { readonly json?: boolean };

const DIR_HINT = "Say --dir FOLDER: it writes FOLDER/postern.yaml, and keys and certificate beside it.";

async function init(options: Options): Promise<void> {
  const answers = await gatherAnswers({ ...options, dir: resolve(options.dir), dataDir: resolve(options.dataDir) });
  const folder = new InitFolder(answers.dir);
  const dkim = answers.domains.map((domain) => ({ domain, file: `keys/dkim-${domain}.pem` }));
  folder.write("keys/spool.key", "wraps the keys of stored bodies", newKeyText);
  folder.write("keys/addresses.key", "seals addresses in the database", newKeyText);
  folder.write("keys/audit.key", "signs the audit", newKeyText);
  for (const { domain, file } of dkim) folder.write(file, `signs mail of ${domain}`, newDkimKey);
  await writeCertificate(folder, answers.hostname);
  for (const [pack, what] of PACKS) folder.write(`dlp/${pack}.yaml`, what, () => shipped(`dlp/${pack}.yaml`));
  for (const list of shippedLists()) folder.write(list, LIST_OF_PACKS, () => shipped(list));
  folder.write(PACK_SCHEMA, "lets editors complete, explain and check rule packs", () => shipped(PACK_SCHEMA));
  folder.write(CONFIG, "every option, commented", () => fillTemplate(shipped(CONFIG), { ...answers, dkim }));
  assertValid(folder);
  const records = dnsRecords(answers, folder);
  const output = standardOutput();
  if (options.json === true) printJsonLines(output, [...folder.written, ...records]);
  else print(output, { folder, answers, records });
}

/** The first is in force, the others wait to be named in `dlp.packs`. */
const PACKS = [
  ["us-hipaa", "rules that find PHI"],
  ["us-hipaa-strict", "the same and more, with less evidence; to be named in dlp.packs instead"],
  ["own-patients", "your own patients by an index of them; not in force before dlp.packs names it"],
  ["es-health", "rules that find PHI in Spanish mail; not in force before dlp.packs names it"],
  ["financial", "rules that find payment and bank data; not in force before dlp.packs names it"],
] as const;

/** Named by the first line of every pack. */
const PACK_SCHEMA = "dlp/pack.schema.json";

const LIST_OF_PACKS = "words or codes that rule packs name";

/** Named by packs, relative to their own place. */
function shippedLists(): readonly string[] {
  const names = readdirSync(fileURLToPath(new URL("dlp/", SHIPPED))).filter((name) => name.endsWith(".dict"));
  return names.toSorted().map((name) => `dlp/${name}`);
}

function shipped(name: string): string {
  return readFileSync(fileURLToPath(new URL(name, SHIPPED)), "utf8");
}

/** A certificate that vouches for itself only: enough to start and to try, not for a cloud that verifies it. */
async function writeCertificate(folder: InitFolder, hostname: string): Promise<void> {
  const [certificate, key] = ["certs/smtp.pem", "certs/smtp.key"];
  if (folder.has(certificate) !== folder.has(key)) {
    const [there, missing] = folder.has(certificate) ? [certificate, key] : [key, certificate];
    throw new CliError(`${folder.path(there)} is there, ${folder.path(missing)} is not`, {
      next: "Put the other one beside it, or remove both to have a pair made.",
    });
  }
  const made = folder.has(key) ? null : await issue(hostname);
  folder.write(key, "key of the listener", () => made?.keyPem ?? "");
  folder.write(certificate, "certificate of the listener", () => made?.certPem ?? "");
}

/** Loaded here only: it brings the whole of pkijs. */
async function issue(hostname: string) {
  const { issueServerCertificate } = await import("../../parts/keys/issue-certificate.ts");
  const now = Date.now();
  return issueServerCertificate({
    commonName: hostname,
    dnsNames: [hostname],
    issuer: "self",
    notBefore: now - DAY_MS,
    notAfter: now + CERTIFICATE_DAYS * DAY_MS,
  });
}

/** A configuration just made of answers that cannot be right is taken back, so that the next try makes it anew. */
function assertValid(folder: InitFolder): void {
  const path = folder.path(CONFIG);
  const loading = loadConfig(path, configEnvironment());
  if (loading.ok) return;
  const isNew = folder.written.some((file) => file.path === path && file.isNew);
  if (isNew) rmSync(path);
  throw new CliError(`${path} ${isNew ? "would not be" : "is not"} valid`, {
    next: isNew
      ? "Run init again with other answers."
      : "Correct the places named above, then run `postern config check`.",
    lines: loading.errors.map(formatYamlError),
  });
}

type DnsRecord = { readonly name: string; readonly type: string; readonly value: string; readonly why: string };

function dnsRecords({ hostname, domains }: Answers, folder: InitFolder): readonly DnsRecord[] {
  const signing = domains.map((domain) => ({
    name: `${DKIM_SELECTOR}._domainkey.${domain}.`,
    type: "TXT",
    value: txt(dkimRecord(readFileSync(folder.path(`keys/dkim-${domain}.pem`), "utf8"))),
    why: "checks the signature of mail that Postern changed or wrote",
  }));
  return [
    {
      name: `${hostname}.`,
      type: "A",
      value: "the address of this machine",
      why: "with a PTR record back to the name",
    },
    ...signing,
  ];
}

/** RFC 6376 section 3.6.1. */
function dkimRecord(privateKeyPem: string): string {
  const key = createPublicKey(createPrivateKey(privateKeyPem));
  const type = key.asymmetricKeyType === "ed25519" ? "ed25519" : "rsa";
  // RFC 8463: the raw 32 bytes; RFC 6376: the whole SubjectPublicKeyInfo.
  const der = key.export({ type: "spki", format: "der" });
  const bytes = type === "ed25519" ? der.subarray(-32) : der;
  return `v=DKIM1; k=${type}; p=${bytes.toString("base64")}`;
}

function txt(text: string): string {
  const pieces = text.match(new RegExp(`.{1,${TXT_CHARACTERS_MAX}}`, "g")) ?? [];
  return pieces.map((piece) => `"${piece}"`).join(" ");
}

function print(
  output: Output,
  {
    folder,
    answers,
    records,
  }: { readonly folder: InitFolder; readonly answers: Answers; readonly records: readonly DnsRecord[] },
): void {
  for (const { path, what, isNew } of folder.written)
    if (what !== LIST_OF_PACKS) output.line(`${isNew ? "made" : "kept"}  ${path}  (${what})`);
  for (const isNew of [true, false]) {
    const lists = folder.written.filter((file) => file.what === LIST_OF_PACKS && file.isNew === isNew).length;
    if (lists > 0)
      output.line(`${isNew ? "made" : "kept"}  ${folder.path("dlp/*.dict")}  (${lists} lists: ${LIST_OF_PACKS})`);
  }
  output.line("");
  output.line("DNS records to create:");
  for (const { name, type, value, why } of records) output.line(`  ${name} IN ${type} ${value}    ; ${why}`);
  output.line(`  Let the SPF record of ${answers.domains.join(", ")} name the address of this machine.`);
  output.line("");
  output.line(
    `The certificate vouches for itself only, for ${CERTIFICATE_DAYS} days: before mail of a cloud comes in, put one of a public`,
  );
  output.line(`authority for ${answers.hostname} in its place. Keep copies of keys/*.key away from this machine.`);
  output.line("");
  output.line("Next:");
  const at = answers.dir === "/etc/postern" ? "" : ` --config ${folder.path(CONFIG)}`;
  output.line("  1. have a validating resolver answer on this machine: docs/operating.md, The resolver");
  output.line(`  2. postern config check${at}`);
  output.line(at === "" ? "  3. systemctl enable --now postern" : `  3. postern serve${at}`);
  output.line(`  4. ${GUIDES[answers.platform]}`);
}

const GUIDES: Readonly<Record<Answers["platform"], string>> = {
  "microsoft-365": "connect Microsoft 365 as docs/microsoft-365.md shows",
  "google-workspace": "connect Google Workspace as docs/google-workspace.md shows",
  network: "name this gateway as smarthost (relay host) on your mail servers, with STARTTLS",
};
