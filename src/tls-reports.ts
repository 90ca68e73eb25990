/**
 * Sends TLS reports (RFC 8460) where the operator wants them sent: once a day, to whoever a domain names in DNS. Promises: a report goes
 * to each place once, and is tried for a day at most; nothing is sent about our own domains, nor to addresses inside; what became of it
 * is kept beside the counts. Whether a domain asks for reports is looked up when one is due, never before.
 */
import { createHash } from "node:crypto";
import type { Clock } from "./core/clock.ts";
import type { Resolver } from "./core/dns-answer.ts";
import type { DomainFact, DomainFacts } from "./core/domain-facts.ts";
import type { Duty } from "./core/duty.ts";
import type { EnvelopeRecipient } from "./core/envelope.ts";
import type { EventBody } from "./core/event.ts";
import { errorName, reasonOf } from "./core/error-facts.ts";
import type { Log } from "./core/log.ts";
import { enqueue } from "./own-post.ts";
import type { OwnPost } from "./own-post.ts";
import { composeTlsReport } from "./parts/mime/compose-tls-report.ts";
import { parseMailbox } from "./parts/smtp/mailbox.ts";
import { readDomainDays, withReport } from "./parts/tlsrpt/domain-days.ts";
import type { DomainDay, ReportState, ReportTarget } from "./core/tls-results.ts";
import { postReport } from "./parts/tlsrpt/post-report.ts";
import type { PostOptions } from "./parts/tlsrpt/post-report.ts";
import { chooseTlsrptRecord } from "./parts/tlsrpt/record.ts";
import { buildReport, gzipReport } from "./parts/tlsrpt/report.ts";
import type { ReportFrom, TlsReport } from "./parts/tlsrpt/report.ts";
import { isOver, nextTryAt, tryAt } from "./parts/tlsrpt/send-times.ts";
import type { SendKey } from "./parts/tlsrpt/send-times.ts";
import type { TlsSessions } from "./tls-sessions.ts";

const LOOK_EVERY_MS = 60_000;
/** Domains looked at in one run, and how many of them at once. */
const DOMAINS_PER_RUN_MAX = 60;
const AT_ONCE_MAX = 4;
/** Places one domain may name. */
const TARGETS_MAX = 5;

export type TlsReportOptions = {
  readonly from: ReportFrom;
  /** Bare address in From. */
  readonly postmaster: string;
  readonly ownDomains: readonly string[];
  readonly post: PostOptions;
  readonly mayDial: (address: string) => boolean;
};

export type TlsReportDeps = {
  readonly facts: Pick<DomainFacts, "due">;
  readonly sessions: Pick<TlsSessions, "change">;
  readonly resolver: Pick<Resolver, "txt" | "addresses">;
  readonly ownPost: OwnPost;
  /** Writes down a fact that concerns no message. */
  readonly record: (body: EventBody) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
};

/** What is known of a target once it was tried. */
type Tried = Pick<ReportTarget, "outcome" | "why">;
type End = Pick<ReportState, "state" | "targets">;

export class TlsReports {
  readonly #options: TlsReportOptions;
  readonly #deps: TlsReportDeps;

  constructor(options: TlsReportOptions, deps: TlsReportDeps) {
    this.#options = options;
    this.#deps = deps;
  }

  duty(): Duty {
    return { name: "tls_reports", everyMs: LOOK_EVERY_MS, run: (signal) => this.look(signal) };
  }

  /** Sends what is due. */
  async look(signal: AbortSignal): Promise<void> {
    const due = await this.#deps.facts.due("tlsrpt", this.#deps.clock.now(), DOMAINS_PER_RUN_MAX);
    for (let first = 0; first < due.length && !signal.aborted; first += AT_ONCE_MAX) {
      await Promise.all(due.slice(first, first + AT_ONCE_MAX).map((fact) => this.#serve(fact, signal)));
    }
  }

  async #serve({ domain, value }: DomainFact, signal: AbortSignal): Promise<void> {
    const now = this.#deps.clock.now();
    const key = this.#keyOf(domain);
    const due = readDomainDays(value).days.filter((day) => (tryAt(day, key) ?? Infinity) <= now);
    try {
      for (const day of due) if (!signal.aborted) await this.#report(domain, day, signal);
      // Written under another name of ours, or by another version: its time is worked out anew.
      if (due.length === 0) await this.#deps.sessions.change(domain, (days) => days);
    } catch (error) {
      // Of one domain; the others have theirs to get. It is looked at again in the next run.
      const code = reasonOf(error) ?? "PST-RPT-004";
      this.#deps.log.error("tls_report_failed", { code, error: errorName(error) });
    }
  }

  async #report(domain: string, day: DomainDay, signal: AbortSignal): Promise<void> {
    const now = this.#deps.clock.now();
    const key = this.#keyOf(domain);
    const tries = (day.report?.tries ?? 0) + 1;
    const end = isOver(day.day, { now, key }) ? givenUp(day) : await this.#endOf(domain, day, signal);
    const nextAt = end.state === "waiting" ? nextTryAt(day.day, tries, { now, key }) : null;
    const { state, targets } = end.state === "waiting" && nextAt === null ? givenUp({ report: end }) : end;
    this.#tell(day.day, { state, targets, tries });
    const report = { state, targets, tries, at: now, nextAt };
    await this.#deps.sessions.change(domain, (days) => withReport(days, day.day, report));
  }

  async #endOf(domain: string, day: DomainDay, signal: AbortSignal): Promise<End> {
    if (this.#options.ownDomains.includes(domain)) return { state: "own-domain", targets: [] };
    const known = day.report?.targets ?? [];
    const answer = await this.#deps.resolver.txt(`_smtp._tls.${domain}`, signal);
    if (answer.kind === "bogus" || answer.kind === "unavailable") return { state: "waiting", targets: known };
    const choice = chooseTlsrptRecord(answer.kind === "found" ? answer.value : []);
    if (choice.kind !== "found")
      return { state: choice.kind === "absent" ? "no-record" : "invalid-record", targets: known };
    const report = buildReport(domain, day, this.#options.from);
    const gzip = gzipReport(report);
    const uris = [...new Set(choice.record.rua)].slice(0, TARGETS_MAX);
    const targets: ReportTarget[] = [];
    for (const uri of uris) {
      const before = known.find((target) => target.uri === uri);
      const isOpen = before === undefined || before.outcome === null || before.outcome === "failed";
      targets.push(isOpen ? { uri, ...(await this.#hand(uri, { report, gzip }, signal)) } : before);
    }
    return { state: stateOf(targets), targets };
  }

  async #hand(
    uri: string,
    sent: { readonly report: TlsReport; readonly gzip: Buffer },
    signal: AbortSignal,
  ): Promise<Tried> {
    if (/^mailto:/i.test(uri)) return this.#mail(uri, sent);
    const { post, mayDial } = this.#options;
    const addressesOf = async (host: string): Promise<readonly string[] | null> => {
      const answer = await this.#deps.resolver.addresses(host, signal);
      return answer.kind === "found" ? answer.value : null;
    };
    const end = await postReport({ url: uri, gzip: sent.gzip }, post, { addressesOf, mayDial, signal });
    if (end.kind !== "posted") return { outcome: end.kind, why: end.why };
    await this.#record(uri, sent);
    return { outcome: "posted", why: null };
  }

  /** Beside what is kept of the domain: the audit tells of everything that leaves. */
  async #record(uri: string, { report, gzip }: { readonly report: TlsReport; readonly gzip: Buffer }): Promise<void> {
    const { day, id: reportId } = report;
    const host = URL.parse(uri)?.hostname ?? "";
    const sha256 = createHash("sha256").update(gzip).digest("hex");
    await this.#deps.record({ kind: "tls_report", day, reportId, host, sha256, sizeBytes: gzip.length });
  }

  async #mail(uri: string, { report, gzip }: { readonly report: TlsReport; readonly gzip: Buffer }): Promise<Tried> {
    const recipient = recipientOf(uri);
    if (recipient === null) return { outcome: "refused", why: "no address" };
    const { from, postmaster } = this.#options;
    const { domain, day, id: reportId, fileName } = report;
    const { hostname, submitter, organization, contact } = from;
    const id = this.#deps.ownPost.newMessageId();
    const now = this.#deps.clock.now();
    const about = { domain, day, reportId, fileName, submitter, organization, contact };
    const to = recipient.mailbox.address;
    const bytes = composeTlsReport({ ...about, id, hostname, from: postmaster, to, now, gzip });
    try {
      await enqueue({ id, origin: "report", recipients: [recipient], bytes, hostname, now }, this.#deps.ownPost);
      return { outcome: "queued", why: id };
    } catch (error) {
      // What was handed to the other places before must be remembered; this one is tried again.
      return { outcome: "failed", why: reasonOf(error) ?? errorName(error) };
    }
  }

  /** No domain: the log does not name whom mail goes to. */
  #tell(day: string, { state, targets, tries }: Pick<ReportState, "state" | "targets" | "tries">): void {
    const handed = targets.filter(({ outcome }) => outcome === "queued" || outcome === "posted").length;
    const fields = { day, state, targets: targets.length, handed, tries };
    if (state === "given-up") this.#deps.log.warn("tls_report", { code: "PST-RPT-003", ...fields });
    else this.#deps.log.info("tls_report", fields);
  }

  #keyOf(domain: string): SendKey {
    return { gateway: this.#options.from.hostname, domain };
  }
}

function givenUp({ report }: { readonly report: Pick<ReportState, "targets"> | null }): End {
  const targets = report?.targets ?? [];
  const isInPart = targets.some(({ outcome }) => outcome === "queued" || outcome === "posted");
  return { state: isInPart ? "sent-in-part" : "given-up", targets };
}

function stateOf(targets: readonly ReportTarget[]): ReportState["state"] {
  if (targets.some(({ outcome }) => outcome === null || outcome === "failed")) return "waiting";
  const refused = targets.filter(({ outcome }) => outcome === "refused").length;
  if (refused === 0) return "sent";
  return refused === targets.length ? "given-up" : "sent-in-part";
}

/** RFC 6068: the address stands before any question mark, percent-encoded. */
function recipientOf(uri: string): EnvelopeRecipient | null {
  const text = decoded(uri.slice(uri.indexOf(":") + 1).split("?", 1)[0] ?? "");
  const parsed = text === null ? null : parseMailbox(text);
  if (parsed === null || parsed.kind === "bad") return null;
  return { mailbox: parsed.mailbox, notify: ["never"], orcpt: null };
}

function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    // A stranger wrote it: malformed escapes make it no address.
    return null;
  }
}
