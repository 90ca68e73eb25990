/**
 * Why mail to an address goes where it goes: every DNS question with its answer, the route, and the plans of mail without findings,
 * with PHI and with sensitive content. Promises: asks exactly what the service would ask and decides as it would; dials no mail
 * server, so what TLS the other side really offers is not said here.
 */
import { assertNever } from "../core/assert-never.ts";
import type { Route } from "../core/capabilities.ts";
import type { DnsAnswer, DnsSecurity, Resolver } from "../core/dns-answer.ts";
import type { Mailbox } from "../core/envelope.ts";
import type { Findings } from "../core/findings.ts";
import type { Plan } from "../core/plan.ts";
import type { CompiledPack } from "../stages/inspect/compiled-pack.ts";
import { reachLines, rulesReaching } from "./rule-reach.ts";
import type { RuleReach } from "./rule-reach.ts";
import type { Policy } from "../core/policy.ts";
import type { Proven } from "../core/proven.ts";
import { REASON_CODES } from "../core/reason-codes.ts";
import type { ReasonCode } from "../core/reason-codes.ts";
import type { Decide, Discover } from "../core/stages.ts";
import type { StsState } from "../core/sts.ts";
import { tlsaText } from "../parts/dane/tlsa-text.ts";
import { daneLines, hostRow } from "./dane-explanation.ts";
import { formatTime } from "./output.ts";
import { hostRuleLines, ruleLines } from "./rule-explanation.ts";
import { hostStsLines, policyLines } from "./sts-explanation.ts";

/** One question, with the answer as text values. */
export type Lookup = {
  readonly question: "MX" | "addresses" | "TXT" | "TLSA" | "CNAME";
  readonly name: string;
  readonly answer: DnsAnswer<readonly string[]>;
};

export type RouteExplanation = {
  readonly address: string;
  readonly domain: string;
  readonly lookups: readonly Lookup[];
  readonly route: Route;
  readonly sts: StsState;
  readonly proven: Proven;
  /** Those that do more, or less, than protect everybody's mail. */
  readonly rules: readonly RuleReach[];
  readonly plans: readonly { readonly mail: string; readonly plan: Plan }[];
};

/** Passes every question on and keeps the answers, in the order they came. */
export function recordLookups(resolver: Resolver): {
  readonly resolver: Resolver;
  readonly lookups: readonly Lookup[];
} {
  const lookups: Lookup[] = [];
  const recording: Resolver = {
    async mx(name, signal) {
      const answer = await resolver.mx(name, signal);
      const value = (records: readonly { readonly preference: number; readonly exchange: string }[]): string[] =>
        records.map(({ preference, exchange }) => `${preference} ${exchange === "" ? "." : exchange}`);
      lookups.push({
        question: "MX",
        name,
        answer: answer.kind === "found" ? { ...answer, value: value(answer.value) } : answer,
      });
      return answer;
    },
    async addresses(name, signal) {
      const answer = await resolver.addresses(name, signal);
      lookups.push({ question: "addresses", name, answer });
      return answer;
    },
    async txt(name, signal) {
      const answer = await resolver.txt(name, signal);
      lookups.push({ question: "TXT", name, answer });
      return answer;
    },
    async tlsa(name, signal) {
      const answer = await resolver.tlsa(name, signal);
      const asText = answer.kind === "found" ? { ...answer, value: answer.value.map(tlsaText) } : answer;
      lookups.push({ question: "TLSA", name, answer: asText });
      return answer;
    },
    async cname(name, signal) {
      const answer = await resolver.cname(name, signal);
      lookups.push({
        question: "CNAME",
        name,
        answer: answer.kind === "found" ? { ...answer, value: [answer.value] } : answer,
      });
      return answer;
    },
  };
  return { resolver: recording, lookups };
}

const CLEAN: Findings = {
  verdict: "clean",
  tier: "none",
  hits: [],
  findings: [],
  uninspectable: [],
  triggers: [],
  packs: [],
  engine: "route explain",
};

const WAIVED: Findings = {
  ...CLEAN,
  verdict: "phi",
  tier: "low",
  hits: [{ pack: "", rule: "", tier: "low", action: { kind: "protect", profile: "minimum" }, scope: { kind: "all" } }],
  waiverAsked: true,
};

const SAMPLES: readonly { readonly mail: string; readonly findings: Findings }[] = [
  { mail: "clean mail", findings: CLEAN },
  { mail: "mail with PHI", findings: { ...CLEAN, verdict: "phi", tier: "low" } },
  { mail: "sensitive mail", findings: { ...CLEAN, verdict: "phi", tier: "high" } },
  { mail: "uninspectable mail", findings: { ...CLEAN, verdict: "uninspectable" } },
];

export type ExplainDeps = {
  readonly discover: Discover;
  readonly decide: Decide;
  readonly policy: Policy;
  readonly now: number;
  /** What `discover` asked, filled while it runs. */
  readonly lookups: readonly Lookup[];
  /** Left out: it is not known who writes. */
  readonly sender?: Mailbox;
  /** Rule packs in force. */
  readonly packs?: readonly CompiledPack[];
};

export async function explainRoute(mailbox: Mailbox, deps: ExplainDeps): Promise<RouteExplanation> {
  const capabilities = await deps.discover(mailbox);
  const sender = deps.sender ?? null;
  const asks = sender !== null && deps.policy.waiver !== undefined;
  const samples = asks
    ? [...SAMPLES, { mail: "mail with PHI whose sender waives protection", findings: WAIVED }]
    : SAMPLES;
  const rules = rulesReaching(deps.packs ?? [], { sender, recipient: mailbox });
  const plans = samples.map(({ mail, findings }) => ({
    mail,
    plan: deps.decide({
      origin: "relay",
      envelope: { sender, body: "7bit", smtpUtf8: false, requireTls: false, ret: null, envid: null },
      recipient: { mailbox, notify: null, orcpt: null },
      findings,
      capabilities,
      policy: deps.policy,
      previousFloor: null,
      holdReleased: false,
      now: deps.now,
    }),
  }));
  const { route, sts, proven, domain } = capabilities;
  return { address: mailbox.address, domain, lookups: [...deps.lookups], route, sts, proven, rules, plans };
}

/** For programs: as it is, with records as text. */
export function explanationRow({ route, ...explanation }: RouteExplanation): object {
  if (route.kind !== "hosts") return { ...explanation, route };
  const hosts = route.hosts.map((host) => hostRow(host, explanation.lookups));
  return { ...explanation, route: { ...route, hosts } };
}

/** For people, one line an entry. */
export function explanationLines(explanation: RouteExplanation): readonly string[] {
  const codes = new Set([...codesOf(explanation.route), ...explanation.plans.flatMap(({ plan }) => stopCode(plan))]);
  return [
    `Mail to ${explanation.address} (domain ${explanation.domain})`,
    "",
    ...wayLines(explanation),
    "",
    "Proved before",
    `  ${provenText(explanation.proven)}`,
    "",
    ...ruleSection(explanation.rules),
    "Plans",
    ...plansOf(explanation).map((line) => `  ${line}`),
    "",
    "Not looked up, because not built yet: S/MIME certificates, OpenPGP keys, the portal.",
    ...[...codes].flatMap((code) => ["", `${code}: ${REASON_CODES[code].what}`, `  Next: ${REASON_CODES[code].next}`]),
  ];
}

function ruleSection(rules: readonly RuleReach[]): readonly string[] {
  return rules.length === 0
    ? []
    : ["Rules that do not just protect", ...reachLines(rules).map((line) => `  ${line}`), ""];
}

function provenText(proven: Proven): string {
  switch (proven.kind) {
    case "absent":
      return "nothing";
    case "unavailable":
      return `cannot be read (${proven.code})`;
    case "known": {
      const { rung, fall, keptUntil } = proven;
      if (fall === null) return rung;
      const until = keptUntil === null ? "" : `; protected mail asks for ${rung} until ${formatTime(keptUntil)}`;
      return `${rung}, but ${fall.to} since ${formatTime(fall.at)} (${fall.host})${until}`;
    }
    default:
      return assertNever(proven);
  }
}

/** Without an answer nothing is planned: pipeline.ts defers before it asks for a plan. */
function plansOf({ route, plans }: RouteExplanation): readonly string[] {
  if (route.kind === "unavailable" || route.kind === "bogus") {
    return [`all mail waits: deferred (${route.code}) and tried again until there is an answer or its lifetime ends`];
  }
  return [...boundLines(route), ...plans.flatMap(({ mail, plan }) => planLines(mail, plan))];
}

/** What stands above every floor: without it, "at least plain" would read as if ordinary mail were free. */
function boundLines(route: Route): readonly string[] {
  if (route.kind !== "hosts") return [];
  const { hosts } = route;
  const asking = [
    ...(hosts.some(({ dane }) => dane.kind === "usable" || dane.kind === "unusable") ? ["DANE"] : []),
    ...(hosts.some(({ sts }) => sts.kind === "enforce") ? ["MTA-STS"] : []),
    ...(hosts.some(({ rule }) => rule !== undefined) ? ["the rule"] : []),
  ];
  if (asking.length === 0) return [];
  return [
    "every mail, whatever its floor: goes only to a server that meets what is asked of it above",
    `  (${asking.join(", ")}); where none does, it waits with an alert`,
  ];
}

/** What DNS was asked and said, and the route that follows from it. */
export function wayLines(way: Pick<RouteExplanation, "lookups" | "route" | "sts">): readonly string[] {
  return [
    "DNS",
    ...(way.lookups.length === 0 ? ["  nothing had to be asked"] : way.lookups.map(lookupLine)),
    "",
    "MTA-STS",
    ...policyLines(way.sts, way.route).map((line) => `  ${line}`),
    "",
    "Route",
    ...routeLines(way).map((line) => `  ${line}`),
    ...ruleLines(way.route).map((line) => `  ${line}`),
  ];
}

function lookupLine({ question, name, answer }: Lookup): string {
  return `  ${question.padEnd(9)} ${name}: ${answerText(answer)}`;
}

function answerText(answer: DnsAnswer<readonly string[]>): string {
  switch (answer.kind) {
    case "found":
      return `${answer.value.length === 0 ? "nothing that can be read" : answer.value.join(", ")} (${securityText(answer.security)})`;
    case "absent":
      return `${answer.reason === "nxdomain" ? "no such name" : "no such record"} (${securityText(answer.security)})`;
    case "bogus":
      return `refused, because its signature does not hold: ${answer.detail}`;
    case "unavailable":
      return `no answer: ${answer.detail}`;
    default:
      return assertNever(answer);
  }
}

function securityText(security: DnsSecurity): string {
  return security === "secure" ? "DNSSEC validated" : "not validated";
}

const VIA_TEXT = {
  mx: "MX",
  "implicit-mx": "the address of the domain itself, which has no MX",
  "address-literal": "the address given in the recipient",
  smarthost: "the configured smarthost",
} as const;

function routeLines({ route, lookups }: Pick<RouteExplanation, "lookups" | "route">): readonly string[] {
  switch (route.kind) {
    case "hosts": {
      const hosts = route.hosts.flatMap((host, index) => {
        const { name, preference, port, addresses } = host;
        const where = port === undefined ? name : `${name}, port ${port}`;
        return [
          `${index + 1}. ${where} (preference ${preference}): ${answerText(addresses)}`,
          ...[...daneLines(host, lookups), ...hostRuleLines(host), ...hostStsLines(host)].map((line) => `   ${line}`),
        ];
      });
      return [`by ${VIA_TEXT[route.via]}, in this order (equal preferences change places):`, ...hosts];
    }
    case "null-mx":
      return ["none: the domain says that it accepts no mail (null MX)"];
    case "no-such-domain":
      return ["none: there is no such domain"];
    case "loop":
      return ["none: the mail would come back to this gateway"];
    case "unusable":
      return [`none: ${REASON_CODES[route.code].what}`];
    case "bogus":
    case "unavailable":
      return [`not known for now, mail waits: ${REASON_CODES[route.code].what}`];
    default:
      return assertNever(route);
  }
}

function planLines(mail: string, { floor, reasons, steps }: Plan): readonly string[] {
  const because = reasons.flatMap((reason) => {
    if (reason.kind === "profile") return [reason.because];
    if (reason.kind === "sender-waiver") return [`waiver: ${reason.effect}`];
    if (reason.kind === "proven-before") return [`proved before: ${reason.rung ?? "unknown"}, ${reason.effect}`];
    return reason.kind === "destination-rule" ? [`${reason.effect}, by the rule for ${reason.match}`] : [];
  });
  const texts = steps.map((step) => {
    if ("code" in step) return `${step.kind} (${step.code})`;
    return step.kind === "portal"
      ? `portal, notice at least ${step.noticeMinRung}`
      : `${step.kind}, at least ${step.minRung}`;
  });
  return [`${mail}: floor ${floor.profile} (${because.join("; ")})`, `  ${texts.join(", else ")}`];
}

function codesOf(route: Route): readonly ReasonCode[] {
  if (route.kind === "hosts")
    return route.hosts.flatMap(({ dane, sts }) =>
      [dane, sts].flatMap((state) => ("code" in state ? [state.code] : [])),
    );
  return "code" in route ? [route.code] : [];
}

/** The stop comes to pass only where no step stands before it, or none can be met: then its code is worth explaining. */
function stopCode({ steps }: Plan): readonly ReasonCode[] {
  return steps.flatMap((step) => ("code" in step ? [step.code] : []));
}
