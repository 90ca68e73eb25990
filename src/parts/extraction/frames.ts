/**
 * The frames on the pipes between the service and a reader process: two lengths, a head in JSON, a body of bytes.
 * Promises: what the other side says is never trusted: lengths above the limits, a head that is no JSON object and an end
 * within a frame throw `FrameError`. Leaves the meaning of heads to both sides.
 */

export type Frame = { readonly head: Readonly<Record<string, unknown>>; readonly body: Buffer };
export type FrameLimits = { readonly headBytesMax: number; readonly bodyBytesMax: number };

export class FrameError extends Error {
  constructor() {
    super("not a frame of this protocol");
    this.name = "FrameError";
  }
}

const LENGTHS_BYTES = 8;

export function encodeFrame(head: Readonly<Record<string, unknown>>, body: Uint8Array): readonly Uint8Array[] {
  const text = Buffer.from(JSON.stringify(head), "utf8");
  const lengths = Buffer.alloc(LENGTHS_BYTES);
  lengths.writeUInt32BE(text.length, 0);
  lengths.writeUInt32BE(body.length, 4);
  return [Buffer.concat([lengths, text]), body];
}

/** Puts frames together from pieces as they come. */
export class FrameReader {
  readonly #limits: FrameLimits;
  #pieces: Buffer[] = [];
  #held = 0;

  constructor(limits: FrameLimits) {
    this.#limits = limits;
  }

  /** True between two frames. */
  get isEmpty(): boolean {
    return this.#held === 0;
  }

  push(piece: Buffer): readonly Frame[] {
    this.#pieces.push(piece);
    this.#held += piece.length;
    const frames: Frame[] = [];
    for (let frame = this.#next(); frame !== null; frame = this.#next()) frames.push(frame);
    return frames;
  }

  #next(): Frame | null {
    if (this.#held < LENGTHS_BYTES) return null;
    if ((this.#pieces[0]?.length ?? 0) < LENGTHS_BYTES) this.#join();
    const first = this.#pieces[0] ?? Buffer.alloc(LENGTHS_BYTES);
    const headBytes = first.readUInt32BE(0);
    const bodyBytes = first.readUInt32BE(4);
    if (headBytes > this.#limits.headBytesMax || bodyBytes > this.#limits.bodyBytesMax) throw new FrameError();
    const whole = LENGTHS_BYTES + headBytes + bodyBytes;
    if (this.#held < whole) return null;
    const bytes = this.#join();
    this.#pieces = bytes.length > whole ? [bytes.subarray(whole)] : [];
    this.#held -= whole;
    const body = bytes.subarray(LENGTHS_BYTES + headBytes, whole);
    return { head: headOf(bytes.toString("utf8", LENGTHS_BYTES, LENGTHS_BYTES + headBytes)), body };
  }

  #join(): Buffer {
    const [only] = this.#pieces;
    if (only !== undefined && this.#pieces.length === 1) return only;
    const joined = Buffer.concat(this.#pieces, this.#held);
    this.#pieces = [joined];
    return joined;
  }
}

function headOf(text: string): Frame["head"] {
  let head: unknown;
  try {
    head = JSON.parse(text);
  } catch {
    // Could quote what was read: not kept as the cause.
    throw new FrameError();
  }
  if (typeof head !== "object" || head === null || Array.isArray(head)) throw new FrameError();
  return head as Frame["head"];
}
