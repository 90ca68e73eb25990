/** How a loopback MX server behaves: what it offers, whom it refuses, and where in the dialog it goes wrong. */

export type MxPhase =
  | "connect"
  | "ehlo"
  | "helo"
  | "starttls"
  | "handshake"
  | "ehlo2"
  | "mail"
  | "rcpt"
  | "data"
  | "body"
  | "dot"
  | "rset"
  | "quit";

export type MxFault =
  /** Says this in place of its answer; without CRLF at the end. */
  | { readonly kind: "reply"; readonly text: string }
  /** Hangs up in place of, or right after, its answer. */
  | { readonly kind: "drop-before" }
  | { readonly kind: "drop-after" }
  /** Neither answers nor reads any more. */
  | { readonly kind: "stall" }
  /** Leaves out the answer and goes on. */
  | { readonly kind: "silent" }
  /** Answers and adds a reply nobody asked for. */
  | { readonly kind: "extra"; readonly text: string }
  | { readonly kind: "giant"; readonly lines: number; readonly lineBytes: number }
  /** Says this in the clear on the TCP connection, beneath TLS where there is TLS; without CRLF at the end. */
  | { readonly kind: "beneath"; readonly text: string }
  /** Continuation lines for as long as the client listens. */
  | { readonly kind: "endless" };

export type MxBehaviour = {
  readonly banner?: string;
  /** Keywords offered with EHLO, STARTTLS apart. */
  readonly extensions?: readonly string[];
  /** Keywords offered with EHLO under TLS; the same by default. */
  readonly tlsExtensions?: readonly string[];
  /** `strip`: TLS is there and not offered. */
  readonly starttls?: "offer" | "strip";
  /** Sent in the same packet as the 220 to STARTTLS. */
  readonly injectAfterStarttls?: string;
  /** 450 to the first attempt of each pair of sender and recipient. */
  readonly greylist?: boolean;
  /** The answer to every RCPT. */
  readonly refuseAll?: string;
  /** The answer to RCPT by local part. */
  readonly recipients?: Readonly<Record<string, string>>;
  readonly faults?: Partial<Readonly<Record<MxPhase, MxFault>>>;
};

export const MX_EXTENSIONS = [
  "PIPELINING",
  "SIZE 52428800",
  "8BITMIME",
  "SMTPUTF8",
  "DSN",
  "ENHANCEDSTATUSCODES",
] as const;

/** One message as it arrived. */
export type MxTransaction = {
  readonly mailFrom: string;
  readonly rcptTo: readonly string[];
  /** Parameters of MAIL and of each RCPT as sent. */
  readonly params: { readonly mail: string; readonly rcpt: readonly string[] };
  /** Dots unstuffed, without the final dot. */
  readonly bytes: Buffer;
  /** Protocol of the connection, null in the clear. */
  readonly tls: string | null;
  readonly at: number;
  /** The answer to the final dot; null where none was given. */
  readonly reply: string | null;
};
