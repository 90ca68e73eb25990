/** A chore the service does again and again beside the mail: forgetting what ended, watching, signing, pinging. */
export type Duty = {
  /** Names it in the log. */
  readonly name: string;
  /** Pause between the end of one run and the begin of the next, milliseconds. */
  readonly everyMs: number;
  /** Pause before the first run where it is not the same. */
  readonly firstAfterMs?: number;
  /** One run. Rejections are logged by the caller and never end the service; aborted: end soon. */
  readonly run: (signal: AbortSignal) => Promise<void>;
};
