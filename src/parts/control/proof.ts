/**
 * How the service knows who asks: Node gives no SO_PEERCRED, so the file system tells. The service answers a connection with a
 * challenge; the client makes an empty folder, named after challenge and request, in a folder of the service where anybody let to
 * the socket may write and nobody may list; the service reads its owner, which the kernel set, and removes it.
 *
 * What this rests on:
 * - the name is a hash over challenge, method and body: an entry proves this request and no other, also through a relay;
 * - a challenge is good once, for its own connection, for seconds: whoever learns a name can do nothing with it;
 * - a folder cannot be hard-linked, and a symbolic link is none; one moved in from elsewhere has no mode of CLAIM_MODE, which
 *   nobody but its owner could give it;
 * - the folder is sticky: an entry is replaced or removed by its owner, the service or root only;
 * - one look decides (lstat), and the entry must have been an empty folder when it was removed.
 */
import { createHash, randomBytes } from "node:crypto";
import { chmodSync, lstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../../core/clock.ts";
import { ControlError } from "./control-protocol.ts";
import { chownToGroup } from "./control-socket.ts";

/** How long a challenge may be answered. */
const CHALLENGE_MS = 5_000;
/** Sticky, for its owner alone: an ordinary program makes no such folder by accident. */
export const CLAIM_MODE = 0o1700;
/** What a user namespace shows for owners it does not know (user_namespaces(7)). */
const UNKNOWN_UID = 65_534;
const CHALLENGE = /^[0-9a-f]{64}$/;

/** Beside the socket. */
export function proofFolderOf(socketPath: string): string {
  return `${socketPath}.proof`;
}

export type Claim = { readonly challenge: string; readonly method: string; readonly body: string };

/** The entry that proves a request; null where the challenge is none. */
export function entryNameOf({ challenge, method, body }: Claim): string | null {
  if (!CHALLENGE.test(challenge)) return null;
  return createHash("sha256").update(`postern control proof 1\n${challenge}\n${method}\n${body}`, "utf8").digest("hex");
}

type Issued = { readonly challenge: string; readonly at: number };

/** The service's side. */
export class ProofFolder {
  readonly #folder: string;
  readonly #clock: Pick<Clock, "monotonic">;
  /** One for each connection, at most. */
  readonly #issued = new WeakMap<object, Issued>();

  /** Makes the folder, or takes it over from a service that ended. `groupId` null: for the service's user and root alone. */
  constructor(folder: string, groupId: number | null, clock: Pick<Clock, "monotonic">) {
    this.#folder = folder;
    this.#clock = clock;
    prepare(folder, groupId);
  }

  issue(connection: object): string {
    const challenge = randomBytes(32).toString("hex");
    this.#issued.set(connection, { challenge, at: this.#clock.monotonic() });
    return challenge;
  }

  /** The uid of whoever answered; throws PST-CTL-012. The challenge is used up either way. */
  redeem(connection: object, claim: Omit<Claim, "challenge">): number {
    const issued = this.#issued.get(connection);
    this.#issued.delete(connection);
    if (issued === undefined) throw unproved("no challenge was asked for on this connection");
    if (this.#clock.monotonic() - issued.at > CHALLENGE_MS) throw unproved("the challenge has expired");
    const name = entryNameOf({ challenge: issued.challenge, ...claim });
    return take(join(this.#folder, name ?? ""));
  }
}

function prepare(folder: string, groupId: number | null): void {
  try {
    mkdirSync(folder, { mode: 0o700 });
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw new ControlError("PST-CTL-008", folder, { cause: error });
  }
  const { uid, isFolder } = lookAt(folder);
  if (!isFolder || uid !== process.getuid?.()) throw new ControlError("PST-CTL-008", `${folder} is not ours.`);
  chmodSync(folder, 0o700);
  for (const left of readdirSync(folder)) tryRemove(join(folder, left));
  if (groupId === null) return;
  chownToGroup(folder, groupId);
  chmodSync(folder, 0o1730);
}

function lookAt(path: string): { readonly uid: number; readonly isFolder: boolean; readonly mode: number } {
  const stats = lstatSync(path);
  return { uid: stats.uid, mode: stats.mode & 0o7777, isFolder: stats.isDirectory() };
}

function take(entry: string): number {
  let seen: ReturnType<typeof lookAt>;
  try {
    seen = lookAt(entry);
  } catch (error) {
    throw unproved("there is no answer to the challenge", error);
  }
  const isRemoved = tryRemove(entry);
  if (!seen.isFolder || seen.mode !== CLAIM_MODE || !isRemoved)
    throw unproved("the answer is not an entry made for it");
  if (seen.uid === UNKNOWN_UID) throw unproved("the service runs in a user namespace and cannot see who asks");
  return seen.uid;
}

/** True where it was an empty folder. What is none is unlinked, never followed or emptied. */
function tryRemove(path: string): boolean {
  if (succeeds(() => rmdirSync(path))) return true;
  succeeds(() => unlinkSync(path));
  return false;
}

function succeeds(remove: () => void): boolean {
  try {
    remove();
    return true;
  } catch {
    // What cannot be removed proves nothing, and its name comes up never again.
    return false;
  }
}

function unproved(detail: string, cause?: unknown): ControlError {
  return new ControlError("PST-CTL-012", detail, cause === undefined ? {} : { cause });
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}
