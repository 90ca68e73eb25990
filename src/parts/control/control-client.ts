/**
 * The command line's side of the control API: a challenge, the proof of who we are, one request, one answer.
 * Promises: bounded in time and size; every failure is a ControlError that says what to do next; nothing is left in the folder of
 * proofs.
 */
import { lstatSync, mkdirSync, rmdirSync } from "node:fs";
import type { Agent as HttpAgent, IncomingMessage } from "node:http";
import { join } from "node:path";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { BYTES_TYPE, ControlError, HELLO, RESPONSE_BYTES_MAX, SUDO_HEADER } from "./control-protocol.ts";
import type { ControlMethod, ControlRequest, ControlResult } from "./control-protocol.ts";
import { CLAIM_MODE, entryNameOf, proofFolderOf } from "./proof.ts";

/** Not as an ES module: that would load fetch, WebSocket and HTTP/2 with it, 15 MB. */
const { Agent, request: httpRequest } = process.getBuiltinModule("node:http");

const ANSWER_TIMEOUT_MS = 30_000;

/** Answered in JSON. */
type JsonMethod = Exclude<ControlMethod, "quarantine.body">;

export type ControlCall<M extends ControlMethod> = {
  readonly socketPath: string;
  readonly method: M;
  readonly body: ControlRequest<M>;
  readonly timeoutMs?: number;
  /** Whom sudo says it works for. */
  readonly sudoUser?: string | null;
};

export async function callControl<M extends JsonMethod>(call: ControlCall<M>): Promise<ControlResult<M>> {
  return (await proved(call, async (response) => resultOf(await readText(response)))) as ControlResult<M>;
}

/** Hands the bytes of a message to `sink`; an error of the service is thrown before it. */
export async function callForBytes(
  call: ControlCall<"quarantine.body">,
  sink: (bytes: AsyncIterable<Uint8Array>) => Promise<void>,
): Promise<void> {
  await proved(call, async (response) => {
    if (response.headers["content-type"] === BYTES_TYPE) await sink(response as AsyncIterable<Uint8Array>);
    else resultOf(await readText(response));
  });
}

/** One connection: the challenge is good for no other. */
async function proved<T>(
  call: ControlCall<ControlMethod>,
  read: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const signal = AbortSignal.timeout(call.timeoutMs ?? ANSWER_TIMEOUT_MS);
  const channel = { socketPath: call.socketPath, agent, signal };
  try {
    const hello = await post(channel, { method: HELLO, body: "{}" }, async (response) =>
      resultOf(await readText(response)),
    );
    const body = JSON.stringify(call.body);
    const withdraw = claim(call.socketPath, { challenge: challengeOf(hello), method: call.method, body });
    try {
      const { sudoUser = null } = call;
      const headers = sudoUser === null ? {} : { [SUDO_HEADER]: sudoUser };
      return await post(channel, { method: call.method, body, headers }, read);
    } finally {
      withdraw();
    }
  } finally {
    agent.destroy();
  }
}

function challengeOf(result: unknown): string {
  const isObject = typeof result === "object" && result !== null;
  if (isObject && "challenge" in result && typeof result.challenge === "string") return result.challenge;
  throw new ControlError("PST-CTL-010");
}

/** Makes the entry that proves our uid for this request; the result takes it back where the service did not. */
function claim(socketPath: string, request: { challenge: string; method: string; body: string }): () => void {
  const name = entryNameOf(request);
  if (name === null) throw new ControlError("PST-CTL-010");
  const folder = proofFolderOf(socketPath);
  const entry = join(folder, name);
  const umask = process.umask(0o077);
  try {
    if (!lstatSync(folder).isDirectory()) throw new ControlError("PST-CTL-012", `${folder} is no folder`);
    mkdirSync(entry, { mode: CLAIM_MODE });
  } catch (error) {
    if (error instanceof ControlError) throw error;
    throw new ControlError("PST-CTL-012", `no entry could be made in ${folder}`, { cause: error });
  } finally {
    process.umask(umask);
  }
  return () => {
    try {
      rmdirSync(entry);
    } catch {
      // The service took it away, as it should.
    }
  };
}

type Channel = { readonly socketPath: string; readonly agent: HttpAgent; readonly signal: AbortSignal };
type Post = { readonly method: string; readonly body: string; readonly headers?: Readonly<Record<string, string>> };

function post<T>(
  channel: Channel,
  { method, body, headers = {} }: Post,
  read: (response: IncomingMessage) => Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const fail = (error: unknown): void => reject(classify(error, channel.socketPath));
    const request = httpRequest({ ...channel, path: `/v1/${method}`, method: "POST" }, (response) => {
      read(response).then(resolve, fail);
    });
    request.once("error", fail);
    for (const [name, value] of Object.entries(headers)) request.setHeader(name, value);
    request.setHeader("content-type", "application/json");
    request.end(body);
  });
}

function resultOf(text: string): unknown {
  const reply = parseReply(text);
  if (reply.ok) return reply.result;
  throw new ControlError(reply.code, reply.detail);
}

async function readText(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > RESPONSE_BYTES_MAX)
      throw new ControlError("PST-CTL-010", `At most ${RESPONSE_BYTES_MAX} bytes are read.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function classify(error: unknown, socketPath: string): ControlError {
  if (error instanceof ControlError) return error;
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "EACCES" || code === "EPERM") return new ControlError("PST-CTL-009", socketPath, { cause: error });
  if (code === "ABORT_ERR" || code === 23) return new ControlError("PST-CTL-005", "", { cause: error });
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ECONNRESET" || code === "ENOTSOCK") {
    return new ControlError("PST-CTL-001", socketPath, { cause: error });
  }
  return new ControlError("PST-CTL-010", socketPath, { cause: error });
}

type Reply =
  | { readonly ok: true; readonly result: unknown }
  | { readonly ok: false; readonly code: ReasonCode; readonly detail: string };

function parseReply(text: string): Reply {
  const reply = parseObject(text);
  if (reply["ok"] === true && "result" in reply) return { ok: true, result: reply["result"] };
  const code = reply["code"];
  if (reply["ok"] !== false || typeof code !== "string" || !(code in REASON_CODES))
    throw new ControlError("PST-CTL-010");
  return { ok: false, code: code as ReasonCode, detail: typeof reply["detail"] === "string" ? reply["detail"] : "" };
}

function parseObject(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value as Readonly<Record<string, unknown>>;
  } catch {
    // What is no JSON is no answer of the control API.
  }
  throw new ControlError("PST-CTL-010");
}
