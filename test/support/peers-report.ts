/** A delivery report as it reached a mailbox, read by a reader that is not ours (RFC 3464, RFC 6522). */
import { simpleParser } from "mailparser";
import type { PostfixDelivery } from "./peers-postfix.ts";
import { onTheWire } from "./peers-trace.ts";

export type Report = {
  /** The message as delivered. */
  readonly raw: string;
  /** The message/delivery-status part. */
  readonly status: string;
};

/** Throws where it is no well-formed report, or not from the null sender. */
export async function readReport(delivery: PostfixDelivery): Promise<Report> {
  if (delivery.returnPath !== "") throw new Error("a report has the null sender");
  const { headers, attachments } = await simpleParser(onTheWire(delivery), { keepDeliveryStatus: true });
  const type = headers.get("content-type");
  const isReport =
    typeof type === "object" &&
    "params" in type &&
    type.value === "multipart/report" &&
    type.params["report-type"] === "delivery-status";
  if (!isReport) throw new Error("not a multipart/report of type delivery-status");
  const [status, original, ...more] = attachments.map(({ contentType }) => contentType);
  if (status !== "message/delivery-status" || more.length > 0) throw new Error("not the parts of a report");
  if (original === undefined || !ORIGINAL.test(original)) throw new Error("a report says which message it is about");
  return { raw: delivery.bytes.toString(), status: attachments[0]?.content.toString() ?? "" };
}

const ORIGINAL = /^(?:text\/rfc822-headers|message\/(?:global-headers|rfc822|global))$/;
