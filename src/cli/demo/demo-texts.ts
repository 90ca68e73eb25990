/** What the demo says around its rows: which servers there are, what it all comes to, what to try next. */
import type { Checks } from "./demo-checks.ts";
import type { DemoGateway } from "./demo-gateway.ts";
import { RETRY_SECONDS } from "./demo-gateway.ts";
import { DEMO_PLACES } from "./demo-internet.ts";
import type { DemoRow } from "./demo-row.ts";
import { bold, dim, titleLine } from "./demo-table.ts";
import type { Look } from "./demo-table.ts";
import { wrapped } from "../output.ts";

export function introLines(look: Look): readonly string[] {
  const { width } = look;
  const widest = Math.max(...DEMO_PLACES.map(({ domain }) => domain.length));
  return [
    bold(look, "Postern, and a small internet of its own on 127.0.0.x"),
    "",
    ...DEMO_PLACES.map(({ domain, says }) => `  ${domain.padEnd(widest)}  ${says}`),
    "",
    ...wrapped(
      "A rung is what a connection proved: dane and sts-enforce that it is the server the domain vouches for, pkix TLS with a " +
        "verified certificate, tls-unauthenticated TLS with any certificate, plain no TLS. Here PHI requires pkix, which is " +
        "the default; what a domain publishes (DANE, MTA-STS) binds every mail.",
      width,
      "",
    ),
    ...wrapped(
      `What is put off is tried again after ${RETRY_SECONDS} s, then each minute; outside the demo after 1 min at first.`,
      width,
      "",
    ),
    "",
    titleLine(look),
  ];
}

export function summaryLines(look: Look, rows: readonly DemoRow[], checks: Checks): readonly string[] {
  const count = (state: DemoRow["state"]): number => rows.filter((row) => row.state === state).length;
  const unlike = rows.filter(({ differences }) => differences.length > 0).length;
  const others = rows.length - count("delivered") - count("held") - count("deferred") - count("failed");
  const parts = [
    `${count("delivered")} delivered`,
    `${count("held")} held`,
    `${count("deferred")} deferred`,
    `${count("failed")} failed`,
    ...(others === 0 ? [] : [`${others} not finished`]),
    unlike === 0 ? "as expected" : `${unlike} NOT AS EXPECTED`,
  ];
  const lines = [
    `${rows.length} recipients: ${parts.join(", ")}`,
    `audit: ${checks.auditRows} events, ${checks.auditFaults === 0 ? "chain verified" : `${checks.auditFaults} FAULTS`}`,
    leakLine(checks.leaks),
    `reports: ${checks.reports} reached the senders, none with protected content`,
  ];
  return lines.flatMap((line) => wrapped(line, look.width, "")).map((line, i) => (i === 0 ? bold(look, line) : line));
}

function leakLine(leaks: readonly string[]): string {
  if (leaks.length > 0) return `disclosure: PROTECTED CONTENT WAS SEEN BY ${leaks.join(", ")}`;
  return "disclosure: none; protected content is in no log and no file, and crossed no connection below pkix";
}

type Next = { readonly gateway: DemoGateway; readonly rows: readonly DemoRow[]; readonly program: string };

export function nextLines(look: Look, { gateway, rows, program }: Next): readonly string[] {
  const held = rows.find(({ state }) => state === "held");
  const { host, port } = gateway.postern.address();
  const id = held?.id ?? "ID";
  const address = held?.recipient ?? "someone@example.org";
  return [
    bold(look, "It goes on running. Try in a second terminal, in this folder:"),
    "",
    `  export POSTERN_CONFIG=${gateway.configPath}`,
    `  alias postern='${program}'`,
    "",
    "  postern queue list",
    `  postern trace ${id}`,
    `  postern route explain ${address}`,
    "  postern tls probe intruder.test",
    "  postern sts show",
    "  postern tls report",
    `  postern queue release ${id} --reason "try again"`,
    `  postern queue drop ${id} --reason "sent by courier"`,
    "  postern audit verify",
    "",
    ...wrapped(
      "release plans the mail anew, at its floor: that server is as weak as before, so it is held again, never sent in the " +
        "clear. drop gives up and tells the sender.",
      look.width,
      "  ",
    ).map((line) => dim(look, line)),
    "",
    "  Hand it mail of your own, with swaks for example:",
    "",
    `  swaks --server ${host}:${port} --tls --from nurse@clinic.test \\`,
    `    --to ${address} --body "MRN: 48210377, type 2 diabetes"`,
    "",
    `  its log: ${gateway.logPath}`,
    "",
    "Ctrl-C ends it and removes its folder.",
  ];
}
