/**
 * Builds the bytes of one step: the message untouched but for trace fields and fields that must not leave, or converted
 * to 7-bit for a server without 8BITMIME (RFC 6152); signed anew where our change broke a signature or the mail is ours.
 * Promises: never chooses a weaker step; what cannot be built is `unprotectable` with a code; the same input gives the
 * same bytes; content lies only in blobs, never in a piece of bytes. Storing the variant is the caller's.
 */
import { createHash } from "node:crypto";
import { assertNever } from "../../core/assert-never.ts";
import type { BlobRef, BlobStore } from "../../core/blob-store.ts";
import { reached } from "../../core/failpoint.ts";
import { variantIdOf } from "../../core/ids.ts";
import type { MissingExtension } from "../../core/outcome.ts";
import type { Needs, Parcel, Piece, Variant, VariantKind } from "../../core/parcel.ts";
import type { StoredMessage } from "../../core/queue-store.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Protect } from "../../core/stages.ts";
import { keysByDomain, signMessage } from "../../parts/dkim/sign.ts";
import type { DkimKey } from "../../parts/dkim/sign.ts";
import { downconvert } from "../../parts/mime/downconvert.ts";
import { applyEdits, editedPieces, EXCHANGE_INTERNAL_PREFIXES, headerEditRules } from "../../parts/mime/header-edit.ts";
import { LOOP_FIELD, receivedField, separatorTo } from "../../parts/mime/trace-field.ts";
import { planHeaders } from "./plan-headers.ts";
import type { HeaderPlan, HeaderRules } from "./plan-headers.ts";

export type ProtectOptions = {
  /** Name of this gateway in Received fields. */
  readonly hostname: string;
  /** Value of the loop marker accept looks for. */
  readonly instanceId: string;
  readonly dkim: readonly DkimKey[];
  /** Fields to cut, any case: shared secrets and the sender's triggers, such as Sensitivity. */
  readonly stripHeaders: readonly string[];
  /** Texts to take out of the Subject, such as `[secure]`. */
  readonly subjectTags: readonly string[];
  /** Name of the field for the words rules mark mail with; cut from what comes in. */
  readonly tagHeader: string;
  readonly headerBytesMax: number;
  /** Quoted-printable parts with illegal lines are rewritten in memory up to this size. */
  readonly requoteBytesMax: number;
};

export type ProtectDeps = { readonly blobs: BlobStore };

/** One place for each kind and choice of tags: two recipients served at once never give two contents one id. */
const ORDINAL: Readonly<Record<VariantKind, number>> = { untouched: 1, downconverted: 2 };

type Unprotectable = { readonly kind: "unprotectable"; readonly code: ReasonCode };
type Content = {
  readonly kind: "content";
  readonly pieces: readonly Piece[];
  /** The bytes of `pieces` once more, as far as possible from memory. */
  readonly toSign: readonly Piece[];
  readonly key: DkimKey | null;
  /** Between our fields and its own. */
  readonly separator: Buffer;
};
type Context = {
  readonly tags: readonly string[];
  readonly options: ProtectOptions;
  readonly rules: HeaderRules;
  readonly blobs: BlobStore;
  readonly message: StoredMessage;
};

export function createProtect(options: ProtectOptions, deps: ProtectDeps): Protect {
  const { subjectTags } = options;
  const stripNames = [...options.stripHeaders, options.tagHeader];
  const rules: HeaderRules = {
    edit: headerEditRules({ stripNames, stripPrefixes: EXCHANGE_INTERNAL_PREFIXES, subjectTags }),
    keys: keysByDomain(options.dkim),
  };
  return async ({ message, step, tags, missing }) => {
    if (step.kind !== "transport") return { kind: "unprotectable", code: "PST-PRT-001" };
    const form = formFor(message, missing);
    if (form.kind === "unprotectable") return form;
    const parcelOf = (variant: Variant): Parcel => ({ variant, step, minRung: step.minRung });
    const stored = message.variants.find((each) => each.kind === form.variant && isSame(each.tags ?? [], tags));
    if (stored !== undefined) return { kind: "parcel", parcel: parcelOf(stored), isNew: false };
    const built = await build({ options, rules, blobs: deps.blobs, message, tags }, form.variant);
    if (built.kind === "unprotectable") return built;
    await reached("protect.variant-stored");
    return { kind: "parcel", parcel: parcelOf(built.variant), isNew: true };
  };
}

/** Which form does without what the server lacks. */
function formFor(
  message: StoredMessage,
  missing: readonly MissingExtension[],
): Unprotectable | { readonly kind: "form"; readonly variant: VariantKind } {
  const { mime } = message.submission;
  let variant: VariantKind = "untouched";
  for (const extension of missing) {
    switch (extension) {
      case "8BITMIME":
        // Headers beyond ASCII travel only with SMTPUTF8, which asks for 8BITMIME (RFC 6531 section 3.1).
        if (mime.has8bitHeader) return { kind: "unprotectable", code: "PST-PRT-002" };
        if (mime.has8bitBody) variant = "downconverted";
        break;
      case "SMTPUTF8":
        return { kind: "unprotectable", code: "PST-PRT-002" };
      case "SIZE":
        return { kind: "unprotectable", code: "PST-PRT-005" };
      case "REQUIRETLS":
        return { kind: "unprotectable", code: "PST-PRT-006" };
      default:
        return assertNever(extension);
    }
  }
  return { kind: "form", variant };
}

async function build(
  context: Context,
  kind: VariantKind,
): Promise<Unprotectable | { readonly kind: "built"; readonly variant: Variant }> {
  const { submission } = context.message;
  const { root } = submission.mime;
  if (root.bodyStart - root.headerStart > context.options.headerBytesMax) {
    return { kind: "unprotectable", code: "PST-PRT-007" };
  }
  const content = kind === "untouched" ? await untouched(context) : await converted(context);
  if (content.kind === "unprotectable") return content;
  const pieces = [await traceFields(context, content), ...content.pieces];
  const variant: Variant = {
    id: variantIdOf(submission.id, ordinalOf(kind, context.tags)),
    messageId: submission.id,
    kind,
    pieces,
    sizeBytes: pieces.reduce((sum, piece) => sum + sizeOf(piece), 0),
    needs: needsOf(context.message, kind),
    ...(context.tags.length > 0 && { tags: context.tags }),
  };
  return { kind: "built", variant };
}

async function untouched(context: Context): Promise<Content> {
  const { body, mime } = context.message.submission;
  const header = await collect(context.blobs.read(body, { start: 0, end: mime.root.bodyStart }));
  const plan = planFor(context, header, false);
  const pieces = await editedPieces({
    ref: body,
    end: mime.sizeBytes,
    edits: plan.edits,
    blobOf: (bytes) => store(context.blobs, bytes),
  });
  const edited = applyEdits(header, plan.edits);
  const rest: Piece = { kind: "blob", ref: body, start: header.length, end: mime.sizeBytes };
  const toSign: readonly Piece[] = [{ kind: "bytes", bytes: edited }, rest];
  return { kind: "content", pieces, toSign, key: plan.key, separator: separatorTo(edited) };
}

async function converted(context: Context): Promise<Unprotectable | Content> {
  const { body, mime } = context.message.submission;
  const { headerBytesMax, requoteBytesMax } = context.options;
  const header = await collect(context.blobs.read(body, { start: 0, end: mime.root.bodyStart }));
  const plan = planFor(context, header, true);
  const editHeader = (bytes: Buffer): Buffer => applyEdits(bytes, plan.edits);
  const result = await downconvert({
    blobs: context.blobs,
    body,
    mime,
    editHeader,
    requoteBytesMax,
    headerBytesMax,
  });
  if (result.kind === "refused") return { kind: "unprotectable", code: result.code };
  const { ref } = result;
  const pieces: readonly Piece[] = [{ kind: "blob", ref, start: 0, end: ref.sizeBytes }];
  return { kind: "content", pieces, toSign: pieces, key: plan.key, separator: separatorTo(editHeader(header)) };
}

function planFor(context: Context, header: Buffer, bodyChanges: boolean): HeaderPlan {
  const { origin } = context.message.submission;
  return planHeaders(header, context.rules, { bodyChanges, isOwn: origin !== "relay" && origin !== "copy" });
}

/** Received and loop marker, and on top of them the signature: it covers neither. */
async function traceFields(context: Context, content: Content): Promise<Piece> {
  const { options, message, tags } = context;
  const fields = [
    receivedField(message.submission, options.hostname),
    Buffer.from(`${LOOP_FIELD}: ${options.instanceId}\r\n`),
    ...tags.map((tag) => Buffer.from(`${options.tagHeader}: ${tag}\r\n`)),
    content.separator,
  ];
  if (content.key !== null) {
    const bytes = streamOf(context.blobs, content.toSign);
    fields.unshift(await signMessage({ message: bytes, key: content.key, at: message.submission.receivedAt }));
  }
  return { kind: "bytes", bytes: Buffer.concat(fields) };
}

/** Beyond the two without tags a number that the tags alone make. */
function ordinalOf(kind: VariantKind, tags: readonly string[]): number {
  if (tags.length === 0) return ORDINAL[kind];
  const number = createHash("sha256").update(tags.join("\n")).digest().readUIntBE(0, 6);
  return ORDINAL[kind] + 2 * (number + 1);
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((word, index) => word === b[index]);
}

function needsOf(message: StoredMessage, kind: VariantKind): Needs {
  const { has8bitBody, has8bitHeader } = message.submission.mime;
  if (kind === "downconverted") return { eightBitMime: false, smtpUtf8: false };
  return { eightBitMime: has8bitBody || has8bitHeader, smtpUtf8: has8bitHeader };
}

function sizeOf(piece: Piece): number {
  return piece.kind === "bytes" ? piece.bytes.length : piece.end - piece.start;
}

async function store(blobs: BlobStore, bytes: Buffer): Promise<BlobRef> {
  const writer = blobs.create();
  try {
    await writer.write(bytes);
    return await writer.seal();
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function* streamOf(blobs: BlobStore, pieces: readonly Piece[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece.kind === "bytes") yield piece.bytes;
    else yield* blobs.read(piece.ref, { start: piece.start, end: piece.end });
  }
}

async function collect(source: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const bytes of source) chunks.push(bytes);
  return Buffer.concat(chunks);
}
