/** TLS sessions in the words of TLS reporting (RFC 8460 section 4). */

/** Section 4.3: a closed list. */
export const TLS_FAILURES = [
  "starttls-not-supported",
  "certificate-host-mismatch",
  "certificate-expired",
  "certificate-not-trusted",
  "validation-failure",
  "sts-policy-fetch-error",
  "sts-policy-invalid",
  "sts-webpki-invalid",
  "tlsa-invalid",
  "dnssec-invalid",
  "dane-required",
] as const;
export type TlsFailure = (typeof TLS_FAILURES)[number];

export const TLS_POLICY_TYPES = ["tlsa", "sts", "no-policy-found"] as const;
export type TlsPolicyType = (typeof TLS_POLICY_TYPES)[number];

/** What the recipient's domain asked of the session, as it was published. */
export type TlsPolicy = {
  readonly type: TlsPolicyType;
  /** Lines of the MTA-STS policy, or the usable TLSA records. */
  readonly text: readonly string[];
  /** Patterns of the MTA-STS policy, or the host of the records. */
  readonly mxHosts: readonly string[];
};

/** One session, or its failure to come about, held against one policy. Hosts and addresses of servers only. */
export type TlsSession = {
  readonly policy: TlsPolicy;
  /** null: it lived up to the policy. */
  readonly failure: TlsFailure | null;
  /** More about the failure, a stable word or code. */
  readonly reason: string | null;
  readonly mxHost: string;
  readonly sendingIp: string | null;
  readonly receivingIp: string | null;
};

export type FailureRow = {
  readonly failure: TlsFailure;
  readonly reason: string | null;
  readonly mxHost: string;
  readonly sendingIp: string | null;
  readonly receivingIp: string | null;
  readonly count: number;
};

export type PolicyCounts = {
  readonly policy: TlsPolicy;
  readonly succeeded: number;
  /** Of those that succeeded, by host: for the operator. */
  readonly succeededAt: Readonly<Record<string, number>>;
  readonly failures: readonly FailureRow[];
  /** Failed sessions that no row of `failures` has room for. */
  readonly moreFailed: number;
};

/** One place a report goes to. */
export type ReportTarget = {
  readonly uri: string;
  /** null: not yet. `queued`: handed to our own queue as a mail. */
  readonly outcome: "queued" | "posted" | "refused" | "failed" | null;
  /** Of the last try where it did not succeed: a status or the name of an error. */
  readonly why: string | null;
};

export const REPORT_STATES = [
  "waiting",
  "sent",
  "sent-in-part",
  "no-record",
  "invalid-record",
  "own-domain",
  "given-up",
] as const;
export type ReportState = {
  readonly state: (typeof REPORT_STATES)[number];
  readonly tries: number;
  /** Of the last change. */
  readonly at: number;
  /** When it is tried again; null: never. */
  readonly nextAt: number | null;
  readonly targets: readonly ReportTarget[];
};

export type DomainDay = {
  readonly day: string;
  readonly policies: readonly PolicyCounts[];
  /** null: sending is off, or its time has not come. */
  readonly report: ReportState | null;
};
