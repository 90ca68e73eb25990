/**
 * Puts answers into the commented configuration that ships with Postern, so that what an operator edits later explains itself.
 * Pure. Promises: every answer has its place in the text, or it throws; nothing else of the text changes.
 */
import type { Answers } from "./answers.ts";

export type Filled = Answers & { readonly dkim: readonly { readonly domain: string; readonly file: string }[] };

export const DKIM_SELECTOR = "postern";
const DEFAULT_DATA_DIR = "/var/lib/postern";

/** Where each cloud sends from, as config/postern.yaml and the guide of the cloud name them. */
const MICROSOFT_NETWORKS = "[40.92.0.0/15, 40.107.0.0/16, 52.100.0.0/14, 104.47.0.0/17]";
const GOOGLE_NETWORKS = "[35.190.247.0/24, 64.233.160.0/19, 66.102.0.0/20, 209.85.128.0/17]";

export function fillTemplate(template: string, answers: Filled): string {
  const { hostname, domains, listen, dataDir, dkim } = answers;
  const edits: readonly (readonly [string, string])[] = [
    ["#>hostname: gateway.example.org\n", `hostname: ${hostname}\n`],
    ["#own_domains: []\n", `own_domains: [${domains.join(", ")}]\n`],
    ["#listen:\n", "listen:\n"],
    ["#  address: 127.0.0.1\n", `  address: ${quoted(listen.address)}\n`],
    ["#  port: 2525\n", `  port: ${listen.port}\n`],
    [LOCAL_SUBMITTER, submitters(answers)],
    ["#keys:\n", "keys:\n  audit: file:keys/audit.key\n"],
    ["#dkim: []\n", `dkim:\n${dkim.map(({ domain, file }) => dkimLine(domain, file)).join("")}`],
    ...(dataDir === DEFAULT_DATA_DIR
      ? []
      : ([[`#data_dir: ${DEFAULT_DATA_DIR}\n`, `data_dir: ${JSON.stringify(dataDir)}\n`]] as const)),
  ];
  return edits.reduce((text, [before, after]) => replaceOnce(text, before, after), template);
}

const LOCAL_SUBMITTER = `#submitters:
#  - name: local
#    networks: [127.0.0.0/8, "::1/128"]
#    proof: { own_network: true }
`;

function submitters({ platform, tenantId, networks }: Answers): string {
  const head = `submitters:
  - name: ${platform === "network" ? "own-servers" : platform}
`;
  switch (platform) {
    case "microsoft-365":
      return `${head}    networks: ${MICROSOFT_NETWORKS}
    proof: { header: { name: X-MS-Exchange-CrossTenant-Id, value: ${tenantId ?? ""} } }
`;
    case "google-workspace":
      return `${head}    networks: ${GOOGLE_NETWORKS}
    proof: { dkim: {} }
`;
    default:
      return `${head}    networks: [${networks.map(quoted).join(", ")}]
    proof: { own_network: true }
`;
  }
}

function dkimLine(domain: string, file: string): string {
  return `  - { domain: ${domain}, selector: ${DKIM_SELECTOR}, key: file:${file} }\n`;
}

/** IPv6 needs quotes in YAML. */
function quoted(text: string): string {
  return text.includes(":") ? `"${text}"` : text;
}

function replaceOnce(text: string, before: string, after: string): string {
  const at = text.indexOf(`\n${before}`);
  if (at === -1) throw new Error(`the configuration template has no line ${before.split("\n")[0] ?? ""}`);
  return `${text.slice(0, at + 1)}${after}${text.slice(at + 1 + before.length)}`;
}
