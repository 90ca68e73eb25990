/**
 * The mail that carries a TLS report (RFC 8460 section 5.3). Promises: our own words and numbers only; the fields its readers sort by;
 * `TLS-Required: No` (RFC 8689), because what it reports may be why the way to them is broken. Signing is left to protect.
 */
import { composeReport, textPart } from "./compose-message.ts";

export type TlsReportMail = {
  /** Becomes the Message-ID and the boundary. */
  readonly id: string;
  readonly hostname: string;
  readonly from: string;
  readonly to: string;
  readonly now: number;
  /** About whom, and who reports. */
  readonly domain: string;
  readonly submitter: string;
  readonly organization: string;
  readonly contact: string;
  readonly day: string;
  readonly reportId: string;
  readonly fileName: string;
  readonly gzip: Uint8Array;
};

export function composeTlsReport(mail: TlsReportMail): Buffer {
  const { id, hostname, from, to, now, domain, submitter, reportId } = mail;
  const further = [
    ["TLS-Report-Domain", domain],
    ["TLS-Report-Submitter", submitter],
    ["TLS-Required", "No"],
  ] as const;
  const subject = `Report Domain: ${domain} Submitter: ${submitter} Report-ID: <${reportId}>`;
  const fields = {
    from,
    to,
    subject,
    id,
    hostname,
    now,
    inReplyTo: null,
    autoSubmitted: "auto-generated",
    further,
  } as const;
  return composeReport(fields, "tlsrpt", [
    textPart([
      `This is an aggregate TLS report about ${domain} for ${mail.day} (UTC), from`,
      `${mail.organization}. It counts connections to the mail servers of that`,
      "domain and how TLS with them went, as RFC 8460 describes.",
      "",
      `Questions: ${mail.contact}`,
    ]),
    { contentType: "application/tlsrpt+gzip", fileName: mail.fileName, bytes: mail.gzip },
  ]);
}
