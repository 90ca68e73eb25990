/** The running service as main.ts hands it out: what commands, the control socket and tests may ask of it. */
import type { EventBody } from "./core/event.ts";
import type { Pressure } from "./core/pressure.ts";
import type { StoredMessage, StoredRecipient } from "./core/queue-store.ts";
import type { StsRefreshed } from "./core/sts-rows.ts";
import type { ValidationState } from "./core/validation.ts";
import type { AuditKeeping } from "./audit-keeping.ts";
import type { Config } from "./parts/config/config.ts";
import type { SqliteQueueStore } from "./parts/store/sqlite-queue-store.ts";
import type { Reviewing } from "./reviewing.ts";
import type { Act, ActResult } from "./stages/spool/operator.ts";
import type { Suspending } from "./suspending.ts";
import type { Watching } from "./watching.ts";

export type Postern = {
  readonly config: () => Config;
  readonly address: () => { readonly host: string; readonly port: number };
  /** Metrics, readiness, alerts. */
  readonly watching: Pick<Watching, "address" | "alerts" | "look" | "reasons">;
  readonly store: SqliteQueueStore;
  readonly now: () => number;
  /** Something may be due: look now. */
  readonly wake: () => void;
  readonly act: (request: Act) => Promise<ActResult>;
  /** Mail that is made to wait, and let go. */
  readonly suspending: Pick<Suspending, "list" | "suspend" | "resume" | "letGo">;
  readonly audit: AuditKeeping;
  readonly review: Reviewing;
  /** The message as it came. */
  readonly readBody: (message: StoredMessage) => AsyncIterable<Uint8Array>;
  /** Puts in force what needs no restart, and gives the names of what else changed; throws and keeps the old one where it cannot. */
  readonly reload: (next: Config) => Promise<readonly string[]>;
  readonly tellReloadRefused: () => Promise<void>;
  /** Writes down a fact that concerns no message. */
  readonly record: (body: EventBody) => Promise<void>;
  /** How hard the machine is pressed, now. */
  readonly pressure: () => Pressure;
  /** Whether the resolver validates, as last seen. */
  readonly validation: () => ValidationState;
  /** Fetches the MTA-STS policy of a domain now. */
  readonly refreshPolicy: (domain: string) => Promise<StsRefreshed>;
  /** Writes down which TLS sessions were counted and sends the TLS reports that are due, now. */
  readonly reportTls: (signal: AbortSignal) => Promise<void>;
  /** Writes down a fact about these recipients, which changes nothing of theirs; resolves when durable. */
  readonly recordOf: (recipients: readonly StoredRecipient[], body: EventBody) => Promise<void>;
  readonly isDraining: () => boolean;
  /** Takes no more mail, lets what is in flight finish, closes the stores. Idempotent. */
  readonly stop: () => Promise<void>;
};
