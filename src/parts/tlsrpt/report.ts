/**
 * The aggregate report of one day for one domain (RFC 8460 section 4). Pure. Promises: every policy names its domain, also
 * `no-policy-found`; `mx-host` is a list; totals are those of the counters also where details had to be left out; the same
 * counts give the same bytes and the same id, so that a report sent twice is seen to be one.
 */
import { createHash } from "node:crypto";
import type { TlsFailure, TlsPolicyType } from "../../core/tls-results.ts";
import { gzipSync } from "node:zlib";
import { totalsOf } from "./domain-days.ts";
import type { DomainDay, FailureRow, PolicyCounts } from "../../core/tls-results.ts";
import { dayEnd, dayStart } from "./session-book.ts";

export type ReportFrom = {
  readonly organization: string;
  /** An address people answer at. */
  readonly contact: string;
  /** The domain that reports: of the mail's From, and of its signature. */
  readonly submitter: string;
  /** Name of this gateway: two of one organisation have each their own counts. */
  readonly hostname: string;
  readonly instanceId: string;
  /** Whether others can know this address of ours: what lies behind a translation tells them nothing. */
  readonly isPublic: (address: string) => boolean;
};

/** Field by field as it is sent. */
export type TlsReportJson = {
  readonly "organization-name": string;
  readonly "date-range": { readonly "start-datetime": string; readonly "end-datetime": string };
  readonly "contact-info": string;
  readonly "report-id": string;
  readonly policies: readonly {
    readonly policy: {
      readonly "policy-type": TlsPolicyType;
      readonly "policy-string": readonly string[];
      readonly "policy-domain": string;
      readonly "mx-host": readonly string[];
    };
    readonly summary: {
      readonly "total-successful-session-count": number;
      readonly "total-failure-session-count": number;
    };
    readonly "failure-details"?: readonly FailureDetailJson[];
  }[];
};

export type FailureDetailJson = {
  readonly "result-type": TlsFailure;
  readonly "sending-mta-ip"?: string;
  readonly "receiving-mx-hostname": string;
  readonly "receiving-ip"?: string;
  readonly "failed-session-count": number;
  readonly "failure-reason-code"?: string;
};

export type TlsReport = {
  readonly domain: string;
  readonly day: string;
  readonly id: string;
  readonly json: TlsReportJson;
  /** RFC 8460 section 5.1. */
  readonly fileName: string;
};

const DAY_SECONDS = 86_400;

export function buildReport(domain: string, { day, policies }: DomainDay, from: ReportFrom): TlsReport {
  const key = JSON.stringify([from.hostname, from.instanceId, domain, day]);
  const unique = createHash("sha256").update(key).digest("hex").slice(0, 20);
  const id = `${day.replaceAll("-", "")}.${unique}@${from.submitter}`;
  const begin = dayStart(day) / 1000;
  return {
    domain,
    day,
    id,
    fileName: `${from.submitter}!${domain}!${begin}!${begin + DAY_SECONDS - 1}!${unique}.json.gz`,
    json: {
      "organization-name": from.organization,
      "date-range": { "start-datetime": seconds(dayStart(day)), "end-datetime": seconds(dayEnd(day) - 1) },
      "contact-info": from.contact,
      "report-id": id,
      policies: policies.map((counts) => policyJson(domain, counts, from)),
    },
  };
}

/** Its size is bounded by that of the counts. */
export function gzipReport({ json }: Pick<TlsReport, "json">): Buffer {
  return gzipSync(`${JSON.stringify(json)}\n`);
}

function policyJson(domain: string, counts: PolicyCounts, from: ReportFrom): TlsReportJson["policies"][number] {
  const { policy, failures } = counts;
  const { succeeded, failed } = totalsOf(counts);
  return {
    policy: {
      "policy-type": policy.type,
      "policy-string": policy.text,
      "policy-domain": domain,
      "mx-host": policy.mxHosts,
    },
    summary: { "total-successful-session-count": succeeded, "total-failure-session-count": failed },
    ...(failures.length > 0 && { "failure-details": failures.map((row) => failureJson(row, from)) }),
  };
}

function failureJson(row: FailureRow, { isPublic }: ReportFrom): FailureDetailJson {
  const { failure, reason, mxHost, sendingIp, receivingIp, count } = row;
  return {
    "result-type": failure,
    ...(sendingIp !== null && isPublic(sendingIp) && { "sending-mta-ip": sendingIp }),
    "receiving-mx-hostname": mxHost,
    ...(receivingIp !== null && { "receiving-ip": receivingIp }),
    "failed-session-count": count,
    ...(reason !== null && { "failure-reason-code": reason }),
  };
}

function seconds(at: number): string {
  return `${new Date(at).toISOString().slice(0, 19)}Z`;
}
