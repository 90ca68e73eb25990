/**
 * What `postern init` must know: from options, and from questions where somebody sits at a terminal. Promises: everything is
 * checked before a file is written, and what cannot be right is refused with the reason.
 */
import { createInterface } from "node:readline/promises";
import { isIP } from "node:net";
import { parseNetwork } from "../../parts/smtp/network.ts";
import { CliError } from "../cli-error.ts";

export const PLATFORMS = ["microsoft-365", "google-workspace", "network"] as const;
export type Platform = (typeof PLATFORMS)[number];

export type InitOptions = {
  readonly hostname?: string;
  readonly domain?: readonly string[];
  readonly platform?: string;
  readonly tenantId?: string;
  readonly network?: readonly string[];
  readonly listen?: string;
  readonly dir: string;
  readonly dataDir: string;
};

export type Answers = {
  readonly hostname: string;
  readonly domains: readonly [string, ...string[]];
  readonly platform: Platform;
  /** Microsoft 365 only. */
  readonly tenantId: string | null;
  /** Own networks, where the platform is a network. */
  readonly networks: readonly string[];
  readonly listen: { readonly address: string; readonly port: number };
  readonly dir: string;
  readonly dataDir: string;
};

const EVERYWHERE = "0.0.0.0:25";
/** Where mail of this machine alone is taken: an address nobody else reaches, a port nobody needs a right for. */
const LOOPBACK = "127.0.0.1:2525";

type Question = { readonly option: string; readonly text: string };

const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;
const TENANT = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Rejects with CliError (wrong usage) naming the option that is missing or wrong. */
export async function gatherAnswers(options: InitOptions): Promise<Answers> {
  const ask = process.stdin.isTTY ? openQuestions() : null;
  const get = async (given: string | undefined, question: Question): Promise<string> => {
    if (given !== undefined) return given.trim().toLowerCase();
    if (ask === null) throw wrong(question.option, "is needed where nobody can be asked");
    return (await ask.put(`${question.text}: `)).trim().toLowerCase();
  };
  try {
    const hostname = checkedDomain(
      await get(options.hostname, { option: "--hostname", text: "Public name of this gateway (gateway.example.org)" }),
      "--hostname",
    );
    const domains = words(
      await get(options.domain?.join(","), { option: "--domain", text: "Your mail domains, with commas between" }),
    ).map((text) => checkedDomain(text, "--domain"));
    const platform = checkedPlatform(
      await get(options.platform, {
        option: "--platform",
        text: `Where does your mail come from? ${PLATFORMS.join(", ")}`,
      }),
    );
    const tenantId = platform === "microsoft-365" ? checkedTenant(await get(options.tenantId, TENANT_QUESTION)) : null;
    const networks =
      platform === "network" ? words(await get(options.network?.join(","), NETWORK_QUESTION)).map(checkedNetwork) : [];
    const [first, ...more] = domains;
    if (first === undefined) throw wrong("--domain", "names no domain");
    return {
      hostname,
      domains: [first, ...more],
      platform,
      tenantId,
      networks,
      listen: checkedListen(
        options.listen ?? (networks.every(isLoopback) && networks.length > 0 ? LOOPBACK : EVERYWHERE),
      ),
      dir: options.dir,
      dataDir: options.dataDir,
    };
  } finally {
    ask?.close();
  }
}

const TENANT_QUESTION = {
  option: "--tenant-id",
  text: "Tenant id of your Microsoft 365 (Entra admin center, Overview)",
};
const NETWORK_QUESTION = {
  option: "--network",
  text: "Networks of your own mail servers (192.0.2.0/24), with commas between",
};

function openQuestions(): { put(text: string): Promise<string>; close(): void } {
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  return { put: (text) => lines.question(text), close: () => lines.close() };
}

function words(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}

function checkedDomain(text: string, option: string): string {
  if (DOMAIN.test(text)) return text;
  throw wrong(option, `"${text}" is no domain name: lower case, ASCII (A-label), at least one dot`);
}

function checkedPlatform(text: string): Platform {
  const platform = PLATFORMS.find((known) => known === text);
  if (platform === undefined) throw wrong("--platform", `is one of ${PLATFORMS.join(", ")}`);
  return platform;
}

function checkedTenant(text: string): string {
  if (TENANT.test(text)) return text;
  throw wrong("--tenant-id", "is written as 00000000-0000-0000-0000-000000000000");
}

function checkedNetwork(text: string): string {
  if (parseNetwork(text) !== null) return text;
  throw wrong("--network", `"${text}" is no network: write 192.0.2.1 or 192.0.2.0/24`);
}

function isLoopback(network: string): boolean {
  return /^(?:127\.|::1(?:\/128)?$)/.test(network);
}

function checkedListen(text: string): Answers["listen"] {
  const at = text.lastIndexOf(":");
  const address = text.slice(0, at).replace(/^\[(.*)\]$/, "$1");
  const port = Number(text.slice(at + 1));
  if (isIP(address) !== 0 && Number.isInteger(port) && port > 0 && port < 65_536) return { address, port };
  throw wrong("--listen", "is written as 0.0.0.0:25 or [::]:25");
}

function wrong(option: string, what: string): CliError {
  return new CliError(`${option} ${what}`, { next: "See `postern init --help`.", exitCode: 2 });
}
