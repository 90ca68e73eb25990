/** What accept hands to spool: one message with its envelope and the facts about who submitted it. */
import type { BlobRef } from "./blob-store.ts";
import type { Envelope, EnvelopeRecipient } from "./envelope.ts";
import type { MessageId } from "./ids.ts";
import type { MimeStructure } from "./mime-structure.ts";
import type { Origin, Parentage } from "./origin.ts";

/** How a submitter proved which tenant it is. */
export type ProofKind = "auth" | "client-certificate" | "header" | "dkim" | "own-network" | "self";

/** Who handed the message over, for the Received field and the audit. */
export type SubmitterFacts = {
  /** Name of the `submitters` entry in the configuration; `postern` for mail Postern wrote itself. */
  readonly submitter: string;
  readonly proof: ProofKind;
  readonly peerAddress: string;
  /** HELO name as given, checked for syntax only. */
  readonly helo: string;
  readonly tls: { readonly protocol: string; readonly cipher: string } | null;
};

/** One accepted message: the body lies in the blob store, durable or about to be (BlobRef.pending), the rows are not written yet. */
export type Submission = {
  readonly id: MessageId;
  readonly origin: Origin;
  readonly parent: Parentage | null;
  readonly envelope: Envelope;
  readonly recipients: readonly EnvelopeRecipient[];
  readonly submitter: SubmitterFacts;
  readonly body: BlobRef;
  readonly sha256: string;
  readonly mime: MimeStructure;
  /** Milliseconds since the epoch. */
  readonly receivedAt: number;
};
