/** How `postern tls probe` says what it saw: lines for people, rows for programs, and the verdict over all mail servers of a domain. */
import { assertNever } from "../../core/assert-never.ts";
import type { Route } from "../../core/capabilities.ts";
import type { DaneFacts, RuleFacts, StsFacts } from "../../core/outcome.ts";
import { PROFILES } from "../../core/policy.ts";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";
import { hostRow } from "../dane-explanation.ts";
import { formatTime } from "../output.ts";
import type { Lookup } from "../route-explanation.ts";
import { issuerOf, namesOf } from "./certificate-text.ts";
import { adviceOf, failuresOf } from "./failure-words.ts";
import { spkiPinOf } from "../../stages/deliver/pin-demand.ts";
import { ADDRESSES_PER_HOST_MAX } from "./probe-hosts.ts";
import { counted, isAuthenticated, profilesOf, ranked, rungOf } from "./seen.ts";
import type { Seen } from "./seen.ts";

type Place = {
  readonly host: string;
  readonly address: string | null;
  readonly rung: Rung | null;
  readonly codes: readonly ReasonCode[];
};

export type Summary = {
  readonly kind: "summary";
  readonly domain: string;
  readonly route: Route["kind"];
  /** Why there is no route. */
  readonly code: ReasonCode | null;
  /** Every mail server proves who it is. */
  readonly ok: boolean;
  /** Mail servers, by address, that were judged, and those of them that prove who they are. */
  readonly judged: number;
  readonly authenticated: number;
  /** That every one of them satisfies. */
  readonly profiles: readonly string[];
  readonly best: Place | null;
  readonly worst: Place | null;
};

export function summaryOf(domain: string, route: Route, all: readonly Seen[]): Summary {
  const judged = counted(all);
  const order = ranked(judged);
  const authenticated = judged.filter(isAuthenticated).length;
  const ok = judged.length > 0 && authenticated === judged.length;
  const profiles = PROFILES.filter(
    (name) => judged.length > 0 && judged.every((seen) => profilesOf(seen).includes(name)),
  );
  const [best, worst] = [placeOf(order.at(0)), placeOf(order.at(-1))];
  const found = { route: route.kind, code: codeOf(route) };
  return { kind: "summary", domain, ...found, ok, judged: judged.length, authenticated, profiles, best, worst };
}

/** The code with which mail would wait or come back. */
function codeOf(route: Route): ReasonCode | null {
  switch (route.kind) {
    case "hosts":
      return null;
    case "null-mx":
      return "PST-DEC-006";
    case "no-such-domain":
      return "PST-DEC-004";
    case "loop":
      return "PST-DSC-006";
    default:
      return route.code;
  }
}

function placeOf(seen: Seen | undefined): Place | null {
  if (seen === undefined) return null;
  const codes = [...new Set(failuresOf(seen).map(({ code }) => code))];
  return { host: seen.host.name, address: seen.address, rung: rungOf(seen), codes };
}

export function summaryLines(summary: Summary): readonly string[] {
  const { domain, code, judged, authenticated, profiles, best, worst } = summary;
  if (best === null || worst === null) {
    const why = code === null ? [] : [`  ${code}  ${REASON_CODES[code].what}`, `  Next: ${REASON_CODES[code].next}`];
    return [`Verdict for ${domain}: no mail server to look at`, ...why];
  }
  return [
    `Verdict for ${domain}`,
    ...factLines([
      ["best", placeText(best)],
      ["worst", placeText(worst)],
      ["proven", `${authenticated} of ${judged}, by address`],
      ["all satisfy", profilesText(profiles)],
    ]),
  ];
}

function placeText({ host, address, rung, codes }: Place): string {
  const where = address === null ? host : `${host} (${address})`;
  return `${rung ?? "nothing usable"} at ${where}${codes.length === 0 ? "" : `, ${codes.join(", ")}`}`;
}

/** For programs. */
export function seenRow(seen: Seen, lookups: readonly Lookup[]): object {
  const { domain, host, address, port, way, probe } = seen;
  const facts = probe?.facts ?? null;
  const certificate = probe?.certificate ?? null;
  return {
    kind: "address",
    domain,
    host: host.name,
    address,
    port,
    dns: { via: way.via, mxSecurity: way.security, ...hostRow(host, lookups) },
    phase: facts?.phase ?? null,
    starttlsOffered: facts?.starttlsOffered ?? null,
    tls: facts?.tls ?? null,
    certificate:
      certificate === null
        ? null
        : { names: namesOf(certificate), issuer: issuerOf(certificate), spkiPin: spkiPinOf(certificate) },
    dane: facts?.dane ?? null,
    sts: facts?.sts ?? null,
    rule: facts?.rule ?? null,
    rung: rungOf(seen),
    profiles: profilesOf(seen),
    authenticated: isAuthenticated(seen),
    failures: failuresOf(seen),
    advice: adviceOf(seen),
    replyCode: facts?.replyCode ?? null,
    durationMs: facts?.durationMs ?? null,
  };
}

/** For people. */
export function seenLines(seen: Seen): readonly string[] {
  const { host, address, port, probe } = seen;
  const title = address === null ? host.name : `${host.name} (${address}, port ${port})`;
  const rung = rungOf(seen);
  const profiles = profilesOf(seen);
  const facts: readonly Fact[] = [
    ...(probe === null ? [] : dialogFacts(probe)),
    ["rung", rung ?? "none: no mail is handed over there"],
    ["satisfies", profilesText(profiles)],
  ];
  const advice = adviceOf(seen);
  return [
    title,
    ...factLines(facts),
    ...failuresOf(seen).map(({ code, text }) => `  ${code}  ${text}`),
    ...(advice === null ? [] : [`  For strict (${advice.code}): ${advice.text}`]),
  ];
}

/** Of each host more addresses than are looked at are said, not hidden. */
export function leftOutLines(seen: readonly Seen[]): readonly string[] {
  const hosts = new Map(seen.map(({ host }) => [host.name, host]));
  return [...hosts.values()].flatMap(({ name, addresses }) => {
    const left = addresses.kind === "found" ? addresses.value.length - ADDRESSES_PER_HOST_MAX : 0;
    return left > 0 ? [`${name} has ${left} more addresses, which were not looked at.`] : [];
  });
}

type Fact = readonly [name: string, value: string];

const FACT_WIDTH = 13;

function factLines(facts: readonly Fact[]): readonly string[] {
  return facts.map(([name, value]) => `  ${name.padEnd(FACT_WIDTH)}${value}`);
}

function profilesText(profiles: readonly string[]): string {
  return profiles.length === 0 ? "no profile" : profiles.join(", ");
}

function dialogFacts({ facts, certificate }: NonNullable<Seen["probe"]>): readonly Fact[] {
  const { phase, starttlsOffered, tls, dane, sts, rule } = facts;
  if (["dial", "greeting", "ehlo"].includes(phase)) return [["reached", `no further than ${phase}`]];
  const lines: Fact[] = [["STARTTLS", starttlsOffered ? "offered" : "not offered"]];
  if (tls === null) return lines;
  lines.push(["TLS", `${tls.protocol}, ${tls.cipher}`], ["certificate", `SHA-256 ${tls.leafSha256}`]);
  if (certificate !== null) {
    lines.push(["  key pin", spkiPinOf(certificate) ?? "none: a key of unknown kind"]);
    lines.push(["  names", namesOf(certificate).join(", ") || "none"], ["  issuer", issuerOf(certificate)]);
  }
  const end = Date.parse(tls.leafNotAfter);
  lines.push(
    ["  not after", Number.isNaN(end) ? "no date" : formatTime(end)],
    ["chain", tls.chain],
    ["name", tls.nameMatches ? "matches" : "does not match"],
  );
  if (dane !== undefined) lines.push(["DANE", daneText(dane)]);
  if (sts !== undefined) lines.push(["MTA-STS", stsText(sts)]);
  if (rule !== undefined) lines.push(["own rule", ruleText(rule)]);
  return lines;
}

function daneText(dane: DaneFacts): string {
  switch (dane.state) {
    case "none":
      return "not in use";
    case "unusable":
      return "no usable record: TLS is a must, and DANE proves nothing";
    case "usable":
      return dane.matched === null ? `refused: ${dane.refused ?? "no certificate"}` : `matched ${dane.matched}`;
    default:
      return assertNever(dane);
  }
}

function stsText(sts: StsFacts): string {
  if (sts.mode === "none") return "no policy";
  const named = sts.matched ? "names this host" : "does not name this host";
  const verdict = sts.verdict === null ? "" : sts.verdict === "met" ? ", and it lives up to it" : ", and it breaks it";
  return `policy ${sts.id} in mode ${sts.mode} ${named}${verdict}`;
}

function ruleText({ of, met, refused }: RuleFacts): string {
  return met === true ? `for ${of}: met` : `for ${of}: not met, ${refused ?? "no handshake"}`;
}
