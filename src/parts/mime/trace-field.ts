/**
 * The trace field of RFC 5321 section 4.4, and dates as mail writes them (RFC 5322 section 3.3).
 * Promises: lines of at most 78 characters unless one word is longer; nothing a peer said gets in but a checked HELO name;
 * no recipient address. What stands in a comment is never parsed by anyone.
 */
import type { Submission } from "../../core/submission.ts";

const LINE_CHARS_MAX = 78;

/** The field that tells a gateway its own mail when it comes back: protect adds it, accept looks for it. */
export const LOOP_FIELD = "X-Postern-Loop";

/** Keeps a line that continues no field from continuing, and changing, the last of ours. */
const STRAY_FIELD = Buffer.from("X-Postern-Stray: the message began with a line that continues no field\r\n");
const NOTHING = Buffer.alloc(0);

/** What has to stand between fields of ours and a header section; mostly nothing. */
export function separatorTo(header: Uint8Array): Buffer {
  return header[0] === 0x20 || header[0] === 0x09 ? STRAY_FIELD : NOTHING;
}

export type TracedSubmission = Pick<Submission, "id" | "origin" | "envelope" | "submitter" | "receivedAt">;

/** `Received:` of this gateway, ended by CRLF. */
export function receivedField(submission: TracedSubmission, hostname: string): Buffer {
  const { id, origin, submitter, receivedAt } = submission;
  const words = ["Received:"];
  if (origin === "relay") {
    words.push("from", heloName(submitter.helo), `([${literal(submitter.peerAddress)}])`);
    if (submitter.tls !== null) words.push(tlsComment(submitter.tls));
  }
  words.push("by", hostname, "(Postern)");
  if (origin === "relay") words.push("with", protocol(submission));
  words.push("id", `${id};`, ...mailDate(receivedAt).split(" "));
  return Buffer.from(fold(words), "latin1");
}

/** `Thu, 01 Jan 2026 00:00:00 +0000` */
export function mailDate(at: number): string {
  return new Date(at).toUTCString().replace("GMT", "+0000");
}

/** RFC 3848 and RFC 6531 section 4.3. */
function protocol(submission: TracedSubmission): string {
  const base = submission.envelope.smtpUtf8 ? "UTF8SMTP" : "ESMTP";
  const { tls, proof } = submission.submitter;
  return `${base}${tls === null ? "" : "S"}${proof === "auth" ? "A" : ""}`;
}

function heloName(helo: string): string {
  return /^(?:[A-Za-z0-9_.-]{1,255}|\[[0-9A-Za-z:.]{2,60}\])$/.test(helo) ? helo : "unknown";
}

function literal(address: string): string {
  const plain = address.replace(/%.*$/, "").replace(/[^0-9A-Fa-f:.]/g, "");
  return plain.includes(":") ? `IPv6:${plain}` : plain;
}

function tlsComment(tls: { readonly protocol: string; readonly cipher: string }): string {
  return `(${word(tls.protocol)} ${word(tls.cipher)})`;
}

function word(text: string): string {
  return text.replace(/[^A-Za-z0-9._-]/g, "").slice(0, 60);
}

function fold(words: readonly string[]): string {
  let text = "";
  let line = "";
  for (const next of words) {
    if (line !== "" && line.length + 1 + next.length > LINE_CHARS_MAX) {
      text += `${line}\r\n`;
      line = ` ${next}`;
    } else line += line === "" ? next : ` ${next}`;
  }
  return `${text}${line}\r\n`;
}
