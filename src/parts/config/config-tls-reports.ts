/** The section tls_reports: as whom reports about TLS (RFC 8460) go out, if they do. */
import type { ConfigText } from "./config-schema.ts";

export type TlsReportsConfig = { readonly send: boolean; readonly contact: string; readonly organization: string };

export function readTlsReports(
  { tls_reports: { send, contact, organization }, own_domains: ownDomains }: ConfigText,
  own: { readonly hostname: string; readonly postmaster: string },
): TlsReportsConfig {
  return {
    send,
    contact: contact ?? own.postmaster,
    organization: organization ?? ownDomains[0] ?? own.hostname,
  };
}
