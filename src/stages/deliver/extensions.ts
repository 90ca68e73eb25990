/**
 * What a server says it can do, from its answer to EHLO (RFC 5321 section 4.1.1.1).
 * Promises: a keyword counts only as the first word of a line after the greeting line, exactly; words of a greeting or
 * of another keyword's parameters never count.
 */
import type { Reply } from "../../parts/smtp/reply.ts";

export type Extensions = {
  readonly starttls: boolean;
  readonly pipelining: boolean;
  readonly eightBitMime: boolean;
  readonly smtpUtf8: boolean;
  readonly dsn: boolean;
  readonly requireTls: boolean;
  readonly size: boolean;
  /** Largest message in bytes as advertised; null where none or no limit was named (RFC 1870 section 4). */
  readonly sizeBytesMax: number | null;
};

export const NO_EXTENSIONS: Extensions = {
  starttls: false,
  pipelining: false,
  eightBitMime: false,
  smtpUtf8: false,
  dsn: false,
  requireTls: false,
  size: false,
  sizeBytesMax: null,
};

export function readExtensions(reply: Reply): Extensions {
  const offered = new Map<string, string>();
  for (const line of reply.lines.slice(1)) {
    const [keyword = "", ...parameters] = line.trim().split(/ +/);
    offered.set(keyword.toUpperCase(), parameters.join(" "));
  }
  const size = offered.get("SIZE") ?? "";
  const sizeBytes = /^[0-9]{1,15}$/.test(size) ? Number(size) : 0;
  return {
    starttls: offered.has("STARTTLS"),
    pipelining: offered.has("PIPELINING"),
    eightBitMime: offered.has("8BITMIME"),
    smtpUtf8: offered.has("SMTPUTF8"),
    dsn: offered.has("DSN"),
    requireTls: offered.has("REQUIRETLS"),
    size: offered.has("SIZE"),
    sizeBytesMax: sizeBytes > 0 ? sizeBytes : null,
  };
}
