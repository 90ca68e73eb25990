/** Enhanced status codes (RFC 3463), typed by class so that a failure cannot carry a success code. */
export type EnhancedStatus<C extends 2 | 4 | 5 = 2 | 4 | 5> = `${C}.${number}.${number}`;

/** One SMTP reply of a peer. `text` is content: capped, stripped of controls, stored encrypted, never logged. */
export type PeerReply = {
  readonly code: number;
  readonly enhanced: EnhancedStatus | null;
  readonly text: string;
};
