/**
 * The third verb: bytes in, Findings out.
 * Promises: never rejects for what a message says; `phi` beats `uninspectable` beats `protected` beats `clean`; what
 * could not be read, or not in time, is `uninspectable`, and every rule that can run still runs; no text of the message
 * leaves but as a keyed hash; the same message and packs give the same findings.
 * Leaves storing to spool, the floor to decide, stripping of triggers to protect.
 */
import { createHmac } from "node:crypto";
import type { Clock } from "../../core/clock.ts";
import type { Finding, Findings, RuleHit, Tier, UninspectableReason, Verdict } from "../../core/findings.ts";
import type { MimeStructure } from "../../core/mime-structure.ts";
import { isDemand } from "../../core/rule-action.ts";
import type { Inspect, ReadBody } from "../../core/stages.ts";
import type { ExtractContent } from "../../parts/extraction/extraction-types.ts";
import { Attachments } from "./attachments.ts";
import type { CompiledPack, CompiledRule, Match, Segment } from "./compiled-pack.ts";
import { extractTexts } from "./extract.ts";
import type { ExtractLimits } from "./extract.ts";
import type { Extraction } from "./extraction-result.ts";
import type { InspectOptions } from "./inspect-options.ts";
import { matchingPack } from "./match-pack.ts";
import type { PackResult } from "./match-pack.ts";
import { TextPlaces, withAttached } from "./text-places.ts";
import { wantedOf } from "./message-header.ts";
import { inTurns, Turnstile } from "./pauses.ts";

/** Changes whenever the same pack could give other findings. */
export const ENGINE = "postern-inspect/7";
/** Messages up to this size are read whole. */
const AT_HAND_BYTES_MAX = 1024 * 1024;
/** Matches kept of one detector in one segment; more are over budget. */
const MATCHES_MAX = 20_000;

export type InspectDeps = {
  readonly packs: readonly CompiledPack[];
  /** Key of the value hashes, 32 bytes. */
  readonly hashKey: Uint8Array;
  /** For the time budget. */
  readonly clock: Clock;
  /** Reads archives and documents; without it they are `unsupported_type`. */
  readonly extract?: ExtractContent;
  /** Sees the texts and matches themselves, before they become findings: for explaining and measuring, never for the gateway. */
  readonly watch?: (seen: Seen) => void;
};

/** Everything the verdict on one message was made of. Holds content. */
export type Seen = {
  readonly segments: readonly Segment[];
  readonly senderNames: ReadonlySet<string>;
  readonly results: readonly PackResult[];
};

export function createInspect(options: InspectOptions, deps: InspectDeps): Inspect {
  const turnstile = new Turnstile();
  const senders = deps.packs.some(({ detectors }) => detectors.some(({ method }) => method.kind === "sender"));
  const wanted = wantedOf(options, { senders });
  return async ({ mime, read }) => {
    await turnstile.pass();
    const deadline = deps.clock.monotonic() + options.timeMsMax;
    let wasLate = false;
    const attachments = new Attachments(deps.extract ?? null, options, () => deps.clock.monotonic());
    const isLate = (): boolean => {
      wasLate ||= deps.clock.monotonic() > deadline + attachments.waitedMs;
      return wasLate;
    };
    const extraction = await extractSafely({ mime, read }, { options, wanted, isLate, attachments });
    const segments = withAttached(extraction.segments, mime.root);
    const places = new TextPlaces(segments);
    const { senderNames } = extraction;
    let wasCut = false;
    const onCut = (): void => void (wasCut = true);
    const context = { senderNames, isLate, matchesMax: MATCHES_MAX, onCut, tellsAll: deps.watch !== undefined };
    const faults: { readonly part: string; readonly reason: UninspectableReason }[] = [];
    const results: PackResult[] = [];
    for (const pack of deps.packs) {
      try {
        results.push(await inTurns(matchingPack(pack, places, context), deps.clock));
      } catch {
        // A fault of the engine must not pass as clean; the error itself could quote the message.
        faults.push({ part: "", reason: "inspection_error" });
      }
    }
    if (wasLate || wasCut) faults.push({ part: "", reason: "over_budget" });
    const uninspectable = [...extraction.uninspectable, ...faults];
    deps.watch?.({ segments, senderNames, results });
    return assemble({ extraction, uninspectable, results, options, deps });
  };
}

const NOTHING_READ: Extraction = {
  segments: [],
  uninspectable: [{ part: "", reason: "inspection_error" }],
  protectedParts: [],
  triggers: [],
  waiver: null,
  tlsRequiredNo: false,
  senderNames: new Set(),
  misdeclared: [],
};

/** Rejects only when the store does; a fault of the extraction itself is `inspection_error`. */
async function extractSafely({ mime, read }: Parameters<Inspect>[0], limits: ExtractLimits): Promise<Extraction> {
  let storeFailed = false;
  const watched: typeof read = (start, end) =>
    read(start, end).catch((error: unknown) => {
      storeFailed = true;
      throw error;
    });
  try {
    return await extractTexts(mime, await atHand(mime, watched), limits);
  } catch (error) {
    if (storeFailed) throw error;
    // The error could quote the message: it is not kept.
    return NOTHING_READ;
  }
}

/** A small message is read once, and then part by part from memory. */
async function atHand({ sizeBytes }: MimeStructure, read: ReadBody): Promise<ReadBody> {
  if (sizeBytes > AT_HAND_BYTES_MAX) return read;
  const whole = await read(0, sizeBytes);
  return (start, end) => Promise.resolve(whole.subarray(start, end));
}

type Assembly = {
  readonly extraction: Extraction;
  readonly uninspectable: Findings["uninspectable"];
  readonly results: readonly PackResult[];
  readonly options: InspectOptions;
  readonly deps: InspectDeps;
};

function assemble({ extraction, uninspectable, results, options, deps }: Assembly): Findings {
  const hits = hitsOf(results, "active");
  const shadow = hitsOf(results, "shadow");
  const verdict = verdictOf(hits, uninspectable.length > 0, extraction.protectedParts.length > 0);
  return {
    verdict,
    tier: tierOf(hits),
    hits,
    ...(shadow.length > 0 && { shadow }),
    findings: [
      ...findingsOf(results, extraction.segments, { max: options.findingsMax, key: deps.hashKey }),
      ...extraction.misdeclared.slice(0, options.findingsMax).map(misdeclaredFinding),
    ],
    uninspectable,
    ...(extraction.protectedParts.length > 0 ? { holdsEncrypted: true } : {}),
    triggers: extraction.triggers,
    ...waiverOf(extraction.waiver),
    ...(extraction.tlsRequiredNo ? { tlsRequiredNo: true } : {}),
    packs: deps.packs.map(({ id, sha256 }) => ({ pack: id, sha256 })),
    engine: ENGINE,
  };
}

function waiverOf(wish: Extraction["waiver"]): Pick<Findings, "waiverAsked" | "waiverDoubt"> {
  if (wish === null) return {};
  return wish === "own" ? { waiverAsked: true } : { waiverAsked: true, waiverDoubt: wish };
}

function hitsOf(results: readonly PackResult[], status: CompiledRule["status"]): readonly RuleHit[] {
  return results.flatMap(({ pack, satisfied }) =>
    satisfied.filter((rule) => rule.status === status).map((rule) => toHit(pack, rule)),
  );
}

function toHit(pack: CompiledPack, { id, tier, action, also, scope }: CompiledRule): RuleHit {
  return { pack: pack.id, rule: id, tier, action, ...(also.length > 0 && { also }), scope };
}

function verdictOf(hits: readonly RuleHit[], hasUninspectable: boolean, hasProtected: boolean): Verdict {
  if (hits.some((hit) => isDemand(hit.action))) return "phi";
  if (hasUninspectable) return "uninspectable";
  return hasProtected ? "protected" : "clean";
}

function tierOf(hits: readonly RuleHit[]): Tier {
  if (hits.some((hit) => hit.tier === "high")) return "high";
  return hits.some((hit) => hit.tier === "low") ? "low" : "none";
}

/** Only what supports a rule that acts is told: the surest first, at most `max`. */
function findingsOf(
  results: readonly PackResult[],
  segments: readonly Segment[],
  { max, key }: { readonly max: number; readonly key: Uint8Array },
): readonly Finding[] {
  const supporting = results.flatMap(({ matches, satisfied }) => {
    const active = satisfied.filter((rule) => rule.status === "active");
    return matches.filter((match) => active.some((rule) => rule.reads.has(match.detector.id)));
  });
  return supporting
    .toSorted((a, b) => b.confidence - a.confidence || a.segment - b.segment || a.start - b.start)
    .slice(0, max)
    .map((match) => toFinding(match, segments, key));
}

/** Of the engine itself: no rule reads it. */
function misdeclaredFinding(part: string): Finding {
  return { detector: "content.misdeclared", confidence: 100, part, offset: 0, length: 0, valueHash: "0".repeat(16) };
}

function toFinding(match: Match, segments: readonly Segment[], key: Uint8Array): Finding {
  return {
    detector: match.detector.id,
    confidence: match.confidence,
    part: segments[match.segment]?.part ?? "",
    offset: match.start,
    length: match.end - match.start,
    valueHash: hashValue(match.value, key),
  };
}

/** Tells equal values from different ones, and nothing else to whoever lacks the key. */
export function hashValue(value: string, key: Uint8Array): string {
  return createHmac("sha256", key).update(value).digest("hex").slice(0, 16);
}
