/**
 * Reads SMTP replies from a byte stream (RFC 5321 section 4.2, RFC 2034).
 * Promises: the same replies however the bytes are cut; no line, reply or backlog beyond its limit; text that leaves as a
 * PeerReply is capped and free of control characters. Leaves to others: what a reply means (reply-table.ts).
 */
import type { EnhancedStatus, PeerReply } from "../../core/status.ts";

export const REPLY_LIMITS = {
  lineBytesMax: 4096,
  replyBytesMax: 65_536,
  replyLinesMax: 100,
  /** Replies parsed and not yet taken: more than any pipelined group asks for. */
  unreadRepliesMax: 1024,
  textCharsMax: 512,
} as const;

export type Reply = {
  readonly code: number;
  readonly enhanced: EnhancedStatus | null;
  /** Text of each line after code and separator, as sent. Content: never logged. */
  readonly lines: readonly [string, ...string[]];
};

export type ReplyDefect = "line_too_long" | "reply_too_long" | "malformed" | "code_changed" | "too_many_replies";

const LF = 0x0a;
const LINE = /^([2-5][0-9]{2})(?:([ -])(.*))?$/s;
const ENHANCED = /^([245])\.(0|[1-9][0-9]{0,2})\.(0|[1-9][0-9]{0,2})(?= |$)/;

export class ReplyParser {
  #partial: Buffer = Buffer.alloc(0);
  #lines: string[] = [];
  #code = 0;
  #replyBytes = 0;
  #defect: ReplyDefect | null = null;
  readonly #unread: Reply[] = [];

  /**
   * After a defect everything further is ignored. A line ends with LF; a CR before it belongs to the end. Keeps nothing of the
   * chunk itself: its memory may be used again.
   */
  push(chunk: Uint8Array): void {
    let rest = this.#partial.length === 0 ? Buffer.from(chunk) : Buffer.concat([this.#partial, chunk]);
    while (this.#defect === null) {
      const end = rest.indexOf(LF);
      if (end > REPLY_LIMITS.lineBytesMax || (end < 0 && rest.length > REPLY_LIMITS.lineBytesMax)) {
        this.#defect = "line_too_long";
      } else if (end < 0) {
        break;
      } else {
        this.#line(rest.subarray(0, end));
        rest = rest.subarray(end + 1);
      }
    }
    this.#partial = this.#defect === null ? rest : Buffer.alloc(0);
  }

  /** The oldest reply not yet taken. */
  take(): Reply | null {
    return this.#unread.shift() ?? null;
  }

  /** Set once the stream cannot be understood any more; replies complete before it may still be taken. */
  get defect(): ReplyDefect | null {
    return this.#defect;
  }

  /** True when a complete reply or any part of one was received and not taken. */
  get hasUnread(): boolean {
    return this.#unread.length > 0 || this.#partial.length > 0 || this.#lines.length > 0 || this.#defect !== null;
  }

  #line(bytes: Buffer): void {
    this.#replyBytes += bytes.length + 1;
    const match = LINE.exec(bytes.toString("utf8").replace(/\r$/, ""));
    if (match === null) this.#defect = "malformed";
    else if (this.#lines.length > 0 && Number(match[1]) !== this.#code) this.#defect = "code_changed";
    else if (this.#replyBytes > REPLY_LIMITS.replyBytesMax) this.#defect = "reply_too_long";
    else if (this.#lines.length >= REPLY_LIMITS.replyLinesMax) this.#defect = "reply_too_long";
    else if (this.#unread.length >= REPLY_LIMITS.unreadRepliesMax) this.#defect = "too_many_replies";
    if (match === null || this.#defect !== null) return;
    this.#code = Number(match[1]);
    this.#lines.push(match[3] ?? "");
    if (match[2] !== "-") this.#complete();
  }

  #complete(): void {
    const [first = "", ...others] = this.#lines;
    this.#unread.push({ code: this.#code, enhanced: enhancedOf(this.#code, first), lines: [first, ...others] });
    this.#lines = [];
    this.#replyBytes = 0;
  }
}

/** The enhanced code at the start of the text, when its class agrees with the reply code (RFC 2034 section 4). */
function enhancedOf(code: number, text: string): EnhancedStatus | null {
  const match = ENHANCED.exec(text);
  return match !== null && match[1] === String(code)[0] ? (match[0] as EnhancedStatus) : null;
}

/** The form that may be stored: one line, capped, without controls, format characters and line separators. */
export function toPeerReply(reply: Reply): PeerReply {
  const whole = reply.lines.join(" ").slice(0, 4 * REPLY_LIMITS.textCharsMax);
  const clean = whole.replace(/[\s\p{Cc}\p{Cf}\p{Cs}]+/gu, " ").trim();
  const text = clean.slice(0, REPLY_LIMITS.textCharsMax).toWellFormed();
  return { code: reply.code, enhanced: reply.enhanced, text };
}
