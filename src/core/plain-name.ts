/** Names of domains that read the same in every form. */
const PLAIN_NAME = /^(?:[a-z0-9_-]+\.)*[a-z][a-z0-9_-]*$/;

/** Whether a domain, in lower case, holds nothing that IDNA (RFC 5891) or the reading of IPv4 look-alikes could change. */
export function isPlainName(lower: string): boolean {
  return PLAIN_NAME.test(lower) && !lower.includes("xn--");
}
