/** What there is to TLS reporting (RFC 8460): the counters, always, and where `tls_reports.send` says so the duty that sends. */
import type { Resolver } from "./core/dns-answer.ts";
import type { Duty } from "./core/duty.ts";
import { tlsReportOptions } from "./options.ts";
import type { OwnPost } from "./own-post.ts";
import { lookAt } from "./parts/tlsrpt/send-times.ts";
import { record } from "./surroundings.ts";
import type { Parts } from "./surroundings.ts";
import { TlsReports } from "./tls-reports.ts";
import { TlsSessions } from "./tls-sessions.ts";

export type TlsReporting = {
  readonly sessions: TlsSessions;
  readonly duties: readonly Duty[];
  /** Does all of it now: writes what was counted, and sends what is due where anything is sent. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};

type Needs = { readonly resolver: Pick<Resolver, "txt" | "addresses">; readonly ownPost: OwnPost };

export function reportTls({ config, env, store }: Parts, { resolver, ownPost }: Needs): TlsReporting {
  const { send } = config.tlsReports;
  const gateway = config.hostname;
  const facts = store.domainFacts;
  const sessions = new TlsSessions({
    facts,
    lookAt: (domain, days) => (send ? lookAt(days, { gateway, domain }) : null),
    ...env,
  });
  const reports = new TlsReports(tlsReportOptions(config), {
    facts,
    sessions,
    resolver,
    ownPost,
    record: (body) => record(body, { env, store }),
    ...env,
  });
  const duties = [sessions.duty(), ...(send ? [reports.duty()] : [])];
  const run = async (signal: AbortSignal): Promise<void> => {
    for (const duty of duties) await duty.run(signal);
  };
  return { sessions, duties, run };
}
