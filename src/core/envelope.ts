/** The SMTP envelope (RFC 5321 section 2.3.1) with the parameters Postern relays. */

export type Mailbox = {
  /** As given between the angle brackets, case of the local part kept (RFC 5321 section 2.4). */
  readonly address: string;
  readonly localPart: string;
  /** A-label, lower case, no trailing dot; or an address literal such as `[192.0.2.1]`. */
  readonly domain: string;
  /** True where the local part is not ASCII: the next hop must offer SMTPUTF8 (RFC 6531). */
  readonly isUtf8: boolean;
};

/** BODY= of MAIL (RFC 6152). */
export type BodyType = "7bit" | "8bitmime";
/** NOTIFY= of RCPT (RFC 3461 section 4.1); null where the client said nothing. */
export type DsnNotify = readonly ("never" | "success" | "failure" | "delay")[];

export type Envelope = {
  /** null is the null sender `<>`. */
  readonly sender: Mailbox | null;
  readonly body: BodyType;
  readonly smtpUtf8: boolean;
  /** REQUIRETLS was given (RFC 8689). */
  readonly requireTls: boolean;
  /** RET= (RFC 3461 section 4.3). */
  readonly ret: "full" | "hdrs" | null;
  /** ENVID=, xtext decoded (RFC 3461 section 4.4). */
  readonly envid: string | null;
};

export type EnvelopeRecipient = {
  readonly mailbox: Mailbox;
  readonly notify: DsnNotify | null;
  /** ORCPT= (RFC 3461 section 4.2), xtext decoded. */
  readonly orcpt: { readonly type: string; readonly address: string } | null;
};
