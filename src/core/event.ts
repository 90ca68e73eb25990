/** Audit events. Facts without content: ids, codes, rungs, hosts; never an address, a subject or a matched text. */
import type { ActorFacts } from "./actor.ts";
import type { AlertFacts, AlertNotice, AlertState } from "./alert.ts";
import type { Findings, RuleHit } from "./findings.ts";
import type { RecipientId } from "./ids.ts";
import type { Origin, ChildKind } from "./origin.ts";
import type { AttemptFacts, MissingExtension } from "./outcome.ts";
import type { PlanReason } from "./plan.ts";
import type { DowngradeStep } from "./proven.ts";
import type { ReasonCode } from "./reason-codes.ts";
import type { ReviewAct } from "./review.ts";
import type { Role } from "./roles.ts";
import type { Rung } from "./rung.ts";
import type { EnhancedStatus } from "./status.ts";
import type { ProofKind } from "./submission.ts";

/** Whom a rule concerns is told by addresses, so the audit names the rule only. */
export type AuditedHit = Omit<RuleHit, "scope">;

export type InspectedFacts = Omit<Findings, "findings" | "hits" | "shadow"> & {
  readonly hits: readonly AuditedHit[];
  readonly shadow?: readonly AuditedHit[];
  /** Findings. */
  readonly count: number;
};

export type StepSummary = { readonly kind: string; readonly minRung: Rung | null };

export type EventBody =
  | {
      readonly kind: "accepted";
      readonly origin: Origin;
      readonly submitter: string;
      readonly proof: ProofKind;
      readonly peerAddress: string;
      readonly tls: string | null;
      readonly sizeBytes: number;
      readonly sha256: string;
      readonly recipients: number;
    }
  | { readonly kind: "inspected"; readonly findings: InspectedFacts }
  | {
      readonly kind: "planned";
      readonly profile: string;
      readonly minRung: Rung | null;
      readonly steps: readonly StepSummary[];
      readonly stop: { readonly kind: string; readonly code: ReasonCode };
      readonly reasons: readonly PlanReason[];
    }
  | {
      readonly kind: "protected";
      readonly step: StepSummary;
      readonly variant: string;
      readonly form: string;
      readonly sizeBytes: number;
    }
  | { readonly kind: "attempt"; readonly attempt: AttemptFacts }
  | { readonly kind: "dot_sent"; readonly host: string; readonly rung: Rung }
  | {
      readonly kind: "unmet";
      readonly code: ReasonCode;
      readonly bestRung: Rung | null;
      readonly missing: readonly MissingExtension[];
    }
  | {
      readonly kind: "delivered";
      readonly rung: Rung;
      readonly host: string;
      readonly replyCode: number;
      readonly status: EnhancedStatus;
      readonly possibleDuplicate: boolean;
    }
  | {
      readonly kind: "deferred";
      readonly code: ReasonCode;
      readonly status: EnhancedStatus;
      readonly replyCode: number | null;
      readonly attempts: number;
      readonly dueAt: number;
      /** What the code leaves open, such as what came of a question in DNS about `host`, or about the domain. */
      readonly detail?: string;
      readonly host?: string;
    }
  | { readonly kind: "possible_duplicate"; readonly code: ReasonCode; readonly dueAt: number }
  | {
      readonly kind: "failed";
      readonly code: ReasonCode;
      readonly status: EnhancedStatus;
      readonly replyCode: number | null;
    }
  | { readonly kind: "held"; readonly code: ReasonCode; readonly deadlineAt: number }
  /** The mail servers of a domain fell below what it had proved, proved it again, or the fall lasted so long that it is the record now. */
  | {
      readonly kind: "downgrade";
      readonly step: DowngradeStep;
      readonly from: Rung;
      readonly to: Rung;
      readonly host: string;
    }
  /** A TLS report (RFC 8460) was handed over by HTTPS; one by mail is a message of its own. */
  | {
      readonly kind: "tls_report";
      readonly day: string;
      readonly reportId: string;
      readonly host: string;
      /** Of the bytes as they were sent. */
      readonly sha256: string;
      readonly sizeBytes: number;
    }
  | { readonly kind: "child"; readonly child: ChildKind; readonly messageId: string; readonly step: number }
  /** `state` and what follows it where operators were told of more than one mail. */
  | {
      readonly kind: "alert";
      readonly code: ReasonCode;
      readonly state?: AlertState;
      readonly count?: number;
      readonly facts?: AlertFacts;
    }
  /** What the web hook had not taken when the service stopped: the next life sends it. `at` is when it was told. */
  | ({ readonly kind: "untold_alert" } & AlertNotice)
  /** A person acted: `actor` is an OS user name, `reason` what they gave. */
  | (ActorFacts & {
      readonly kind: "operator";
      readonly action: "retry" | "hold" | "release" | "drop" | "reload";
      readonly reason: string;
    })
  /** Mail to or from somebody was made to wait until a time, or let go again; `of` a domain, never an address. */
  | (ActorFacts & {
      readonly kind: "suspension";
      readonly action: "suspend" | "resume";
      readonly side: string;
      readonly of: string;
      readonly until: number | null;
      readonly reason: string;
    })
  /** What people did about mail that a rule holds; `request` where a second person is asked for. */
  | (ActorFacts & {
      readonly kind: "review";
      readonly action: "released" | "refused" | "requested" | "approved" | "rejected" | "viewed";
      readonly act: ReviewAct | null;
      readonly request?: string;
      readonly reason: string;
    })
  /** A person was shown the values detection found in a file; `file` is its SHA-256 in hex. */
  | (ActorFacts & { readonly kind: "reveal"; readonly file: string; readonly reason: string })
  /** Nobody decided about a request in time. */
  | { readonly kind: "review_expired"; readonly act: ReviewAct; readonly request: string }
  /** A person asked for what their role does not allow. */
  | (ActorFacts & {
      readonly kind: "refused_act";
      readonly code: ReasonCode;
      /** Method of the control API. */
      readonly method: string;
      readonly roles: readonly Role[];
    })
  /** The state came out of a backup: rows written after `head` in the life before are not in this chain. */
  | {
      readonly kind: "restored";
      readonly backupAt: string;
      readonly head: { readonly seq: number; readonly hash: string };
      readonly open: number;
      readonly actor: string;
      readonly reason: string;
    }
  /** Everything is sealed and wrapped under these keys now; ids, never keys. What was used before is needed no longer. */
  | { readonly kind: "rekeyed"; readonly spool: string; readonly addresses: string; readonly changed: number }
  | { readonly kind: "recovered"; readonly from: string; readonly count: number }
  /** All rows up to `size` in the note, signed; the note went outside too. `peaks`: the frontier of the tree of that size. */
  | {
      readonly kind: "checkpoint";
      readonly why: "start" | "stop" | "time" | "rows" | "asked";
      readonly note: string;
      /** The public half of the key, as others need it to check the note. */
      readonly verifier: string;
      readonly peaks: readonly string[];
    }
  /** Rows up to `throughSeq` are about to be removed; what remains hangs on this. The note is a checkpoint of that size. */
  | {
      readonly kind: "anchor";
      readonly throughSeq: number;
      /** Of row `throughSeq`. */
      readonly hash: string;
      readonly rows: number;
      readonly retentionDays: number;
      /** Name of the file the rows were written to before, in `audit.archive_dir`. */
      readonly archive: string | null;
      readonly note: string;
      readonly verifier: string;
      readonly peaks: readonly string[];
    }
  /** Legal hold: what it covers is not removed until it is lifted. Of one message, or of all between two times. */
  | (ActorFacts & {
      readonly kind: "legal_hold";
      readonly action: "add" | "lift";
      readonly hold: number;
      readonly since: number | null;
      readonly until: number | null;
      readonly reason: string;
    })
  | {
      readonly kind: "service";
      readonly what: "created" | "started" | "stopped" | "reloaded" | "reload_refused";
      readonly configSha256: string;
      readonly allowed: readonly string[];
    };

export type EventKind = EventBody["kind"];

/** An event as a caller hands it over; the store adds sequence number and hashes. */
export type NewEvent = {
  readonly at: number;
  readonly messageId: string | null;
  readonly recipientId: RecipientId | null;
  readonly body: EventBody;
};

/** One row of the chain: hash = SHA-256 over previous hash and the canonical text of the rest. */
export type AuditRow = {
  readonly seq: number;
  readonly at: number;
  readonly messageId: string | null;
  readonly recipientId: string | null;
  readonly kind: EventKind;
  /** Canonical JSON of the event body. */
  readonly body: string;
  readonly previousHash: string;
  readonly hash: string;
};
