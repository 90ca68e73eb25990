/**
 * Text forms of the two stored values that hold bytes: plans (certificates) and variants (generated pieces). Written out
 * member by member, because a marker inside general JSON could be imitated by what a mail brings along.
 */
import type { BlobRef } from "../../core/blob-store.ts";
import type { Certificate } from "../../core/capabilities.ts";
import type { Piece, Variant } from "../../core/parcel.ts";
import type { Plan, Step, Stop } from "../../core/plan.ts";

type CertificateText = { readonly fingerprint: string; readonly der: string };
type PieceText =
  | { readonly kind: "bytes"; readonly bytes: string }
  /** The key that opens the blob stays in the blob's own row alone. */
  | { readonly kind: "blob"; readonly locator: string; readonly start: number; readonly end: number };

export function planText(plan: Plan): string {
  const steps = plan.steps.map((step) =>
    step.kind === "smime" ? { ...step, certificates: step.certificates.map(certificateText) } : step,
  );
  return JSON.stringify({ ...plan, steps });
}

export function openPlan(text: string): Plan {
  const plan = JSON.parse(text) as Plan;
  const steps = plan.steps.map((step): Step | Stop => {
    if (step.kind !== "smime") return step;
    const [first, ...more] = step.certificates as unknown as readonly [CertificateText, ...CertificateText[]];
    return { ...step, certificates: [openCertificate(first), ...more.map(openCertificate)] };
  });
  return { ...plan, steps: steps as unknown as Plan["steps"] };
}

export function variantText(variant: Variant): string {
  const { kind, sizeBytes, needs, tags } = variant;
  return JSON.stringify({ kind, sizeBytes, needs, tags, pieces: variant.pieces.map(pieceText) });
}

export function openVariant(
  text: string,
  ids: Pick<Variant, "id" | "messageId">,
  blob: (locator: string) => BlobRef,
): Variant {
  const stored = JSON.parse(text) as Omit<Variant, "pieces"> & { readonly pieces: readonly PieceText[] };
  const pieces = stored.pieces.map((piece): Piece => {
    if (piece.kind === "bytes") return { kind: "bytes", bytes: Buffer.from(piece.bytes, "base64") };
    return { kind: "blob", ref: blob(piece.locator), start: piece.start, end: piece.end };
  });
  const { kind, sizeBytes, needs, tags } = stored;
  return { ...ids, kind, pieces, sizeBytes, needs, ...(tags !== undefined && { tags }) };
}

function pieceText(piece: Piece): PieceText {
  if (piece.kind === "bytes") return { kind: "bytes", bytes: toBase64(piece.bytes) };
  return { kind: "blob", locator: piece.ref.locator, start: piece.start, end: piece.end };
}

function certificateText({ fingerprint, der }: Certificate): CertificateText {
  return { fingerprint, der: toBase64(der) };
}

function openCertificate({ fingerprint, der }: CertificateText): Certificate {
  return { fingerprint, der: Buffer.from(der, "base64") };
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("base64");
}
