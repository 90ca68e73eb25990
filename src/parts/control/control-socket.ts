/**
 * The file side of the control socket: a folder only we can write, an old socket removed only when nobody answers on it,
 * mode 0600 from the first moment, wider only for the group that is let to it.
 */
import { chmodSync, chownSync, lstatSync, rmSync, statSync } from "node:fs";
import type { Stats } from "node:fs";
import { connect } from "node:net";
import type { Server } from "node:net";
import { dirname } from "node:path";
import { ControlError } from "./control-protocol.ts";

/** sun_path of Linux less its closing zero. */
const SOCKET_PATH_BYTES_MAX = 107;
const WRITABLE_BY_OTHERS = 0o022;
const ANSWER_TIMEOUT_MS = 1000;

/** Throws PST-CTL-008 where no socket could be made at the path; changes nothing. */
export function assertSocketPlace(socketPath: string): void {
  if (Buffer.byteLength(socketPath) > SOCKET_PATH_BYTES_MAX) {
    throw new ControlError("PST-CTL-008", `${socketPath} is longer than ${SOCKET_PATH_BYTES_MAX} bytes.`);
  }
  checkFolder(dirname(socketPath));
}

/** Throws PST-CTL-007 or PST-CTL-008. Afterwards nothing lies at the path. */
export async function clearSocketPath(socketPath: string): Promise<void> {
  assertSocketPlace(socketPath);
  const there = statOrNull(() => lstatSync(socketPath));
  if (there === null) return;
  if (!there.isSocket()) throw new ControlError("PST-CTL-008", `${socketPath} is not a socket.`);
  if (await answers(socketPath)) throw new ControlError("PST-CTL-007", `${socketPath} is in use.`);
  rmSync(socketPath, { force: true });
}

/** Resolves when the socket listens with mode 0600, or 0660 where a group is let to it. */
export async function listenPrivately(server: Server, socketPath: string, groupId: number | null): Promise<void> {
  const listening = new Promise<void>((resolve, reject) => {
    server.once("listening", resolve);
    server.once("error", (error) => reject(new ControlError("PST-CTL-008", socketPath, { cause: error })));
  });
  // The bind happens within listen(), so that nobody sees the socket with a wider mode.
  const umask = process.umask(0o177);
  try {
    server.listen(socketPath);
  } finally {
    process.umask(umask);
  }
  await listening;
  chmodSync(socketPath, 0o600);
  if (groupId === null) return;
  chownToGroup(socketPath, groupId);
  chmodSync(socketPath, 0o660);
}

/** For a service that is no member of the group. */
export function chownToGroup(path: string, groupId: number): void {
  try {
    chownSync(path, -1, groupId);
  } catch (error) {
    const why = `the service may not give ${path} to group ${groupId}: its user must be a member of control.group, its unit allow @chown`;
    throw new ControlError("PST-CTL-008", why, { cause: error });
  }
}

function checkFolder(folder: string): void {
  const stats = statOrNull(() => statSync(folder));
  if (stats === null || !stats.isDirectory()) throw new ControlError("PST-CTL-008", `${folder} is not a folder.`);
  const user = process.getuid?.() ?? stats.uid;
  if ((stats.mode & WRITABLE_BY_OTHERS) !== 0 || (stats.uid !== user && stats.uid !== 0)) {
    throw new ControlError("PST-CTL-008", `Other users may write to ${folder}.`);
  }
}

function statOrNull(read: () => Stats): Stats | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
    throw new ControlError("PST-CTL-008", "", { cause: error });
  }
}

/** A refused connection is a socket its process left behind; silence counts as an answer. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    const settle = (answered: boolean): void => {
      socket.destroy();
      resolve(answered);
    };
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => settle(true));
    socket.once("connect", () => settle(true));
    socket.once("error", (error) =>
      settle(!("code" in error && (error.code === "ECONNREFUSED" || error.code === "ENOENT"))),
    );
  });
}
