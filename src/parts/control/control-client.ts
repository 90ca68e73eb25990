/**
 * The command line's side of the control API: one request, one answer.
 * Promises: bounded in time and size; every failure is a ControlError that says what to do next.
 */
import { request as httpRequest } from "node:http";
import type { IncomingMessage } from "node:http";
import { REASON_CODES } from "../../core/reason-codes.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import { ControlError, RESPONSE_BYTES_MAX } from "./control-protocol.ts";
import type { ControlMethod, ControlRequest, ControlResult } from "./control-protocol.ts";

const ANSWER_TIMEOUT_MS = 30_000;

export type ControlCall<M extends ControlMethod> = {
  readonly socketPath: string;
  readonly method: M;
  readonly body: ControlRequest<M>;
  readonly timeoutMs?: number;
};

export async function callControl<M extends ControlMethod>(call: ControlCall<M>): Promise<ControlResult<M>> {
  const text = await exchange(call);
  const reply = parseReply(text);
  if (reply.ok) return reply.result as ControlResult<M>;
  throw new ControlError(reply.code, reply.detail);
}

function exchange(call: ControlCall<ControlMethod>): Promise<string> {
  const signal = AbortSignal.timeout(call.timeoutMs ?? ANSWER_TIMEOUT_MS);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown): void => reject(classify(error, call.socketPath));
    const request = httpRequest(
      { socketPath: call.socketPath, path: `/v1/${call.method}`, method: "POST", signal },
      (response) => {
        readText(response).then(resolve, fail);
      },
    );
    request.once("error", fail);
    request.setHeader("content-type", "application/json");
    request.end(JSON.stringify(call.body));
  });
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
