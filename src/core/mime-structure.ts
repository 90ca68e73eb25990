/**
 * The MIME structure of one message by byte offsets, recorded in one pass while the body is spooled.
 * Offsets count bytes of the stored message; `end` is exclusive. Nothing here is decoded but parameters.
 */

export type TransferEncoding = "7bit" | "8bit" | "binary" | "base64" | "quoted-printable" | "unknown";

export type MimePart = {
  /**
   * IMAP style: the whole message is "" when multipart, its children "1", "2", "2.1"; a lone body is "1". A message embedded
   * at "2" has its parts at "2.1", "2.2"; the multipart around those is "2.TEXT".
   */
  readonly path: string;
  /** First byte of the part's header section. */
  readonly headerStart: number;
  /** First byte after the blank line that ends the header section. */
  readonly bodyStart: number;
  /** Byte after the last of the body; the line break that belongs to a following boundary is not counted. */
  readonly bodyEnd: number;
  /** Lower case `type/subtype`; `text/plain` where absent, `application/octet-stream` where unreadable. */
  readonly contentType: string;
  /** Lower case charset parameter as given, or null. */
  readonly charset: string | null;
  readonly encoding: TransferEncoding;
  readonly disposition: "inline" | "attachment" | null;
  /** File name decoded by RFC 2231 and RFC 2047, at most 255 characters. */
  readonly filename: string | null;
  /** Other Content-Type parameters needed later (protocol, smime-type, report-type, name), lower-cased names. */
  readonly parameters: Readonly<Record<string, string>>;
  /** Parts of a multipart; for message/rfc822 the single embedded message. */
  readonly children: readonly MimePart[];
};

/** Reasons why the structure may not tell everything; each makes the message `uninspectable` where it hides text. */
export type MimeDefect =
  | "depth_limit"
  | "part_limit"
  | "header_limit"
  | "missing_boundary"
  | "unclosed_multipart"
  | "unreadable_content_type"
  | "unknown_encoding"
  | "duplicate_content_header"
  /** A line in a header section that is no header: readers disagree on where the body begins. */
  | "malformed_header"
  /** A line that begins with a delimiter and goes on: RFC 2046 section 5.1.1 lets a reader take it for one. */
  | "ambiguous_boundary";

export type MimeStructure = {
  readonly root: MimePart;
  readonly sizeBytes: number;
  /** A byte above 127 stands in a header section (RFC 6532). */
  readonly has8bitHeader: boolean;
  /** A byte above 127 stands in a body. */
  readonly has8bitBody: boolean;
  /** Longest line in bytes without CRLF (RFC 5321 section 4.5.3.1.6 allows 998). */
  readonly longestLine: number;
  readonly defects: readonly MimeDefect[];
};
