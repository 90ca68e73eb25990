/** `postern status`: how the running service is, in one look: ready or why not, what waits, which alerts stand. */
import { Command } from "commander";
import type { AlertNotice } from "../../core/alert.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import { isTerminal, RECIPIENT_STATES } from "../../core/recipient-state.ts";
import type { ValidationState } from "../../core/validation.ts";
import type { ControlStatus } from "../../parts/control/control-protocol.ts";
import { Finding } from "../cli-error.ts";
import { formatDuration, formatTime, printJsonLines, printTable, standardOutput } from "../output.ts";
import type { Column, Output } from "../output.ts";
import { askService } from "../surroundings.ts";

export function statusCommand(): Command {
  return new Command("status")
    .description("how the running service is; exit code 1 where it is not ready or an alert stands")
    .option("--json", "one JSON object")
    .addHelpText("after", "\nExamples:\n  postern status\n  postern status --json | jq .queue.byState")
    .action(async ({ json = false }: { readonly json?: boolean }, command: Command) => {
      const status = await askService(command, "status", {});
      const output = standardOutput();
      if (json) printJsonLines(output, [rowOf(status)]);
      else print(output, status, Date.now());
      if (status.reasons.length > 0 || status.alerts.length > 0) throw new Finding();
    });
}

const VALIDATION_TEXT: Readonly<Record<ValidationState, string>> = {
  unknown: "not looked at yet",
  validating: "validated by the resolver",
  "not-validating": "not validated by the resolver, or not believed (dns.trust_ad): no DANE",
  unavailable: "no answer to the self-test (dns.signed_name); next: see that a resolver answers at dns.servers",
};

function rowOf({ startedAt, queue, pressure, alerts, ...status }: ControlStatus): object {
  const { byState, oldestReceivedAt } = queue;
  return {
    ...status,
    ready: status.reasons.length === 0,
    started: isoTime(startedAt),
    pressure: { level: pressure.level, causes: pressure.causes.map(({ code }) => code) },
    queue: { byState, oldestReceived: oldestReceivedAt === null ? null : isoTime(oldestReceivedAt) },
    alerts: alerts.map(({ since, at, ...alert }) => ({ ...alert, since: isoTime(since), told: isoTime(at) })),
  };
}

function isoTime(at: number): string {
  return new Date(at).toISOString();
}

function print(output: Output, status: ControlStatus, now: number): void {
  const { version, instanceId, pid, startedAt, configSha256, reasons, alerts } = status;
  const uptime = formatDuration(now - startedAt);
  output.line(`service  postern ${version}, instance ${instanceId}, pid ${pid}`);
  output.line(`up       ${uptime}, since ${formatTime(startedAt)}`);
  output.line(`config   ${configSha256.slice(0, 12)}`);
  output.line(`dnssec   ${VALIDATION_TEXT[status.validation]}`);
  output.line(`queue    ${queueText(status, now)}`);
  if (status.suspensions > 0) output.line(`waits    ${suspensionsText(status.suspensions)}`);
  const { level, causes } = status.pressure;
  output.line(
    `load     ${level === "open" ? "takes everything" : `${level}: ${causes.map(({ code }) => code).join(", ")}`}`,
  );
  output.line(`health   ${reasons.length === 0 ? "ready" : "not ready"}`);
  for (const code of reasons) {
    output.line(`         ${code}: ${REASON_CODES[code].what}`);
    output.line(`         Next: ${REASON_CODES[code].next}`);
  }
  if (alerts.length === 0) {
    output.line("alerts   none");
    return;
  }
  output.line(`alerts   ${alerts.length}`);
  output.line("");
  printTable(output, columns(now), alerts);
  output.line("");
  for (const code of new Set(alerts.map((alert) => alert.code))) {
    output.line(`${code}: ${REASON_CODES[code].what}`);
    output.line(`  Next: ${REASON_CODES[code].next}`);
  }
}

function suspensionsText(count: number): string {
  return `by ${count} suspension${count === 1 ? "" : "s"}: postern queue suspensions`;
}

function queueText({ queue: { byState, oldestReceivedAt } }: ControlStatus, now: number): string {
  const waiting = RECIPIENT_STATES.filter((state) => !isTerminal(state) && (byState[state] ?? 0) > 0);
  if (waiting.length === 0) return "empty";
  const oldest = oldestReceivedAt === null ? "" : `; the oldest came ${formatDuration(now - oldestReceivedAt)} ago`;
  return waiting.map((state) => `${byState[state]} ${state}`).join(", ") + oldest;
}

function columns(now: number): readonly Column<AlertNotice>[] {
  return [
    { title: "CODE", text: (alert) => alert.code },
    { title: "FOR", text: (alert) => formatDuration(now - alert.since) },
    { title: "TIMES", text: (alert) => String(alert.count), alignRight: true },
    {
      title: "FACTS",
      text: ({ facts }) =>
        Object.entries(facts)
          .map(([name, value]) => `${name} ${value}`)
          .join(", "),
      isFlexible: true,
    },
  ];
}
