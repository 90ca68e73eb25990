/** A mail gateway under measurement, as the cases see it. */
import type { Site } from "./site.ts";

/** What a case asks of a gateway. */
export type Task = {
  readonly site: Site;
  /** Where it delivers to; `held` accepts and queues, and delivers nothing. */
  readonly deliverTo: { readonly kind: "sink"; readonly port: number } | { readonly kind: "held" };
  /** STARTTLS towards the sink where it offers it. */
  readonly signsWithDkim: boolean;
};

export type RunningPeer = {
  readonly port: number;
  /** Roots of the process trees that belong to it. */
  readonly pids: readonly number[];
  /** From the start of the process to its greeting. */
  readonly greetedAfterMs: number;
  stop(): Promise<void>;
};

export type Peer = { readonly name: string; readonly start: (task: Task) => Promise<RunningPeer> };
