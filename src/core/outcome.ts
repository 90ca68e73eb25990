/** What one delivery attempt came to, per recipient. No boolean says "temporary". */
import type { ReasonCode } from "./reason-codes.ts";
import type { Rung } from "./rung.ts";
import type { EnhancedStatus, PeerReply } from "./status.ts";

/** Phases of the dialog in order; everything before `mail` is reversible. */
export const PHASES = [
  "dial",
  "greeting",
  "ehlo",
  "starttls",
  "handshake",
  "verify",
  "ehlo2",
  "mail",
  "rcpt",
  "data",
  "body",
  "dot",
  "done",
] as const;
export type Phase = (typeof PHASES)[number];

export type MissingExtension = "8BITMIME" | "SMTPUTF8" | "SIZE" | "REQUIRETLS";

/** TLS as seen on the socket. */
export type TlsFacts = {
  readonly protocol: string;
  readonly cipher: string;
  readonly leafSha256: string;
  readonly leafNotAfter: string;
  /** Verdict of the chain: "ok" or OpenSSL's error name. */
  readonly chain: string;
  /** The MX name matched the certificate. */
  readonly nameMatches: boolean;
  /** The server's key, where it is too short to prove anything: `rsa 1024`. */
  readonly weakKey?: string;
};

/** Why no TLSA record vouches for a server. */
export type DaneRefusal =
  | "no certificate"
  | "no record matches"
  | "chain too long"
  | "certificate not fit for a server"
  | "certificate not valid now"
  | "certificate for another name";

/** What the TLSA records of the host said of this connection (docs/security-levels.md). */
export type DaneFacts =
  | { readonly state: "none" }
  | { readonly state: "unusable" }
  /** `matched`: the record, as `3 1 1 0123abcd…`; `refused`: why none did. Both null where it did not come to a certificate. */
  | { readonly state: "usable"; readonly matched: string | null; readonly refused: DaneRefusal | null };

/** What the MTA-STS policy of the recipient's domain said of this connection; whether it bound is for DANE to say (docs/security-levels.md). */
export type StsFacts =
  | { readonly mode: "none" }
  | {
      readonly mode: "testing" | "enforce";
      readonly id: string;
      /** The policy names the host. */
      readonly matched: boolean;
      /** `met`: named, and TLS with a certificate valid for the host; null where it did not come to that. */
      readonly verdict: "met" | "broken" | null;
    };

/** Why a connection falls short of the operator's rule for the destination. */
export type RuleRefusal =
  | "no certificate"
  | "key not pinned"
  | "not valid by the authorities named"
  | "certificate for another name"
  | "older TLS";

/** What the operator's rule said of this connection; `met` is null where it did not come to a handshake. */
export type RuleFacts = { readonly of: string; readonly met: boolean | null; readonly refused: RuleRefusal | null };

/** One connection as it really was; becomes one audit row. Hosts and addresses only, no content. */
export type AttemptFacts = {
  readonly host: string;
  readonly address: string;
  readonly port: number;
  /** Our end of the connection. Absent where there was none, and in rows of older versions. */
  readonly localAddress?: string;
  /** How far the dialog got. */
  readonly phase: Phase;
  readonly starttlsOffered: boolean;
  readonly tls: TlsFacts | null;
  /** Rows of older versions lack it. */
  readonly dane?: DaneFacts;
  /** Absent where no rule of the operator applies. */
  readonly rule?: RuleFacts;
  /** Rows of older versions lack it. */
  readonly sts?: StsFacts;
  /** Rung proven on the live socket; null before it was known. */
  readonly rung: Rung | null;
  /** MAIL carried REQUIRETLS (RFC 8689). */
  readonly requireTls?: true;
  readonly reused: boolean;
  /** Why this connection ended other than well. */
  readonly code: ReasonCode | null;
  readonly replyCode: number | null;
  readonly enhanced: EnhancedStatus | null;
  readonly startedAt: number;
  readonly durationMs: number;
};

/** What made a step unmet, for decide and protect to build on. */
export type PeerFacts = {
  readonly bestRung: Rung | null;
  readonly missing: readonly MissingExtension[];
};

export type Outcome =
  | {
      readonly kind: "delivered";
      readonly status: EnhancedStatus<2>;
      readonly observed: Rung;
      readonly host: string;
      readonly reply: PeerReply;
      /** The next hop offers DSN and took over what the sender asked for (RFC 3461 section 5.2.2). */
      readonly dsnPassedOn: boolean;
    }
  /** `recipient`: this one later. `lane`: the destination is in trouble, all of its mail waits. */
  | {
      readonly kind: "deferred";
      readonly scope: "recipient" | "lane";
      readonly status: EnhancedStatus<4>;
      readonly code: ReasonCode;
      readonly reply: PeerReply | null;
      readonly host: string | null;
      /** Some host answered and could not meet the step while another was in trouble: the next step may follow after secure_hold. */
      readonly unmet: PeerFacts | null;
      /** What came of a question in DNS about `host`, in our own words. */
      readonly detail?: string;
      /** Before then there is nothing to try; in the place of the retry schedule. */
      readonly waitsUntil?: number;
    }
  | {
      readonly kind: "failed";
      readonly status: EnhancedStatus<5>;
      readonly code: ReasonCode;
      readonly reply: PeerReply | null;
      readonly host: string | null;
    }
  /** Every MX host answered and none can meet the step; nothing was sent. */
  | { readonly kind: "unmet"; readonly observed: PeerFacts; readonly code: ReasonCode }
  /** The final dot may have been taken: the last reply was lost. Method and bytes are frozen from here on. */
  | { readonly kind: "ambiguous"; readonly code: ReasonCode; readonly host: string; readonly observed: Rung };
