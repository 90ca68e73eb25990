/** What the composition root is given from outside, what its parts share, and the facts it writes about itself. */
import type { RaiseAlert } from "./core/alert.ts";
import type { Chance, Clock } from "./core/clock.ts";
import type { EventBody } from "./core/event.ts";
import type { Lease, StoredRecipient } from "./core/queue-store.ts";
import type { FailpointOrder } from "./core/failpoint.ts";
import type { Log } from "./core/log.ts";
import type { SpareTime } from "./core/spare-time.ts";
import type { Config } from "./parts/config/config.ts";
import type { KeyRing } from "./parts/keys/key-ring.ts";
import type { ReadSpace } from "./parts/pressure/disk-space.ts";
import type { DiskBlobStore } from "./parts/store/blob-store.ts";
import type { Fs } from "./parts/store/fs.ts";
import type { SqliteQueueStore } from "./parts/store/sqlite-queue-store.ts";
import type { Watching } from "./watching.ts";
import type { Supervisor } from "./parts/systemd/notifier.ts";

export type Surroundings = {
  readonly clock: Clock;
  readonly chance: Chance;
  readonly log: Log;
  /** Names this process in leases and locks. */
  readonly owner: string;
  /** The storage cannot be trusted any more: end the process, recovery decides. */
  readonly onFatal: (code: string) => void;
  /** For tests of durability; the start says so in log and audit. */
  readonly failpoints?: readonly FailpointOrder[];
  /** The file system, where it is not the real one. */
  readonly disk?: { readonly fs?: Fs; readonly readSpace?: ReadSpace };
  /** Told how the service is; absent where no service manager asks. */
  readonly supervisor?: Supervisor;
  /** Sockets that listen already, in the place of listen.address and listen.port. */
  readonly descriptors?: readonly number[];
};

export type Parts = {
  readonly config: Config;
  readonly env: Surroundings;
  readonly keyRing: KeyRing;
  readonly store: SqliteQueueStore;
  readonly blobs: DiskBlobStore;
  readonly raise: RaiseAlert;
  readonly watching: Watching;
  readonly spareTime: SpareTime;
};

/** A minute is more than any of it takes. */
const BESIDE_LEASE_MS = 60_000;

/** What the operator allowed beyond the safe defaults. */
export function allowedOf({ config, env }: Pick<Parts, "config" | "env">): readonly string[] {
  return (env.failpoints ?? []).length > 0 ? [...config.allowed, "failpoints"] : config.allowed;
}

export type ServiceEvent = Extract<EventBody, { kind: "service" }>;

export async function tellService(
  what: ServiceEvent["what"],
  { config, env, store }: Pick<Parts, "config" | "env" | "store">,
): Promise<void> {
  await record(
    { kind: "service", what, configSha256: config.sha256, allowed: allowedOf({ config, env }) },
    { env, store },
  );
}

/** For what is done to recipients beside the pipeline. */
export function leaseOf({ owner, clock }: Pick<Surroundings, "owner" | "clock">): Lease {
  return { owner, until: clock.now() + BESIDE_LEASE_MS };
}

/** A fact about recipients, which changes nothing of theirs. */
export async function recordOf(
  recipients: readonly StoredRecipient[],
  body: EventBody,
  { env, store }: Pick<Parts, "env" | "store">,
): Promise<void> {
  const at = env.clock.now();
  const events = recipients.map(({ id: recipientId, messageId }) => ({ at, messageId, recipientId, body }));
  await store.commit({ recipients: [], variants: [], inspected: null, events }, "durable");
}

/** A fact that concerns no message. */
export async function record(body: EventBody, { env, store }: Pick<Parts, "env" | "store">): Promise<void> {
  const event = { at: env.clock.now(), messageId: null, recipientId: null, body };
  await store.commit({ recipients: [], variants: [], inspected: null, events: [event] }, "durable");
}
