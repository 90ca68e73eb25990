/**
 * The record of one domain and what a delivery makes of it: pure. Promises: the record never goes down but by a fall that has lasted
 * `keepMs` without the domain proving its level meanwhile; each change that a person should know of is told once. Levels are groups of
 * rungs: within a group nothing falls.
 */
import type { DowngradeStep, Fall } from "../../core/proven.ts";
import { meetsRung, RUNGS } from "../../core/rung.ts";
import type { Rung } from "../../core/rung.ts";
import type { Sighting } from "./sightings.ts";

/** A server that was told of as weaker than its domain: no news any more, unless it falls further or proved itself meanwhile. */
export type WeakServer = { readonly host: string; readonly rung: Rung; readonly at: number };

export type DomainRecord = {
  /** The best that was ever proven. */
  readonly rung: Rung;
  readonly fall: (Fall & { readonly isTold: boolean }) | null;
  readonly weak: readonly WeakServer[];
};

export type Downgrade = { readonly step: DowngradeStep; readonly from: Rung; readonly to: Rung; readonly host: string };

export type Seen = {
  /** The very same value where nothing changed. */
  readonly record: DomainRecord;
  /** What a person should know of; null: nothing new. */
  readonly told: Downgrade | null;
};

export type Moment = { readonly now: number; readonly keepMs: number };

const WEAK_SERVERS_MAX = 8;
/** A server that proves itself and falls again and again is told of once in so long. */
const NEWS_AFTER_MS = 86_400_000;

const DNSSEC_RUNGS: readonly Rung[] = ["dane", "pkix-dnssec-mx", "dane-insecure-mx"];

/** Who cannot validate cannot see it, whatever the domain does. */
export function needsDnssec(rung: Rung): boolean {
  return DNSSEC_RUNGS.includes(rung);
}

export function firstRecord(sightings: readonly Sighting[]): DomainRecord {
  return { rung: bestOf(sightings).rung, fall: null, weak: [] };
}

export function isBelow(record: DomainRecord, sightings: readonly Sighting[]): boolean {
  return !meetsRung(bestOf(sightings).rung, record.rung);
}

/** `sightings` of one delivery, at least one. */
export function see(record: DomainRecord, sightings: readonly Sighting[], moment: Moment): Seen {
  return isBelow(record, sightings) ? below(record, sightings, moment) : proved(record, sightings, moment.now);
}

/** The fall has lasted long enough: what is seen now becomes the record. null: it has not, or there is none. */
export function accept({ fall, rung: from }: DomainRecord, { now, keepMs }: Moment): Seen | null {
  if (fall === null || now - fall.at < keepMs) return null;
  const { to, host } = fall;
  return { record: { rung: to, fall: null, weak: [] }, told: { step: "accepted", from, to, host } };
}

function proved(record: DomainRecord, sightings: readonly Sighting[], now: number): Seen {
  const best = bestOf(sightings);
  const isStronger = RUNGS.indexOf(best.rung) < RUNGS.indexOf(record.rung);
  const isKept = ({ host, at }: WeakServer): boolean =>
    now - at < NEWS_AFTER_MS || !sightings.some((seen) => seen.host === host && meetsRung(seen.rung, record.rung));
  const weak = record.weak.every(isKept) ? record.weak : record.weak.filter(isKept);
  if (!isStronger && record.fall === null && weak === record.weak) return { record, told: null };
  const { fall } = record;
  const isToldOf = fall !== null && fall.isTold;
  return {
    record: { rung: isStronger ? best.rung : record.rung, fall: null, weak },
    told: isToldOf ? { step: "proved", from: fall.to, to: best.rung, host: best.host } : null,
  };
}

function below(record: DomainRecord, sightings: readonly Sighting[], moment: Moment): Seen {
  const fall = fallOf(record, sightings, moment.now);
  // The fall that begins now has lasted no time, even where it is kept for none.
  const accepted = record.fall === null ? null : accept({ ...record, fall }, moment);
  if (accepted !== null) return accepted;
  const worst = sightings.reduce((a, b) => (RUNGS.indexOf(b.rung) > RUNGS.indexOf(a.rung) ? b : a));
  if (!isNews(record.weak, worst)) {
    const isSame = fall.to === record.fall?.to && fall.host === record.fall.host && fall.at === record.fall.at;
    return { record: isSame ? record : { ...record, fall }, told: null };
  }
  const others = record.weak.filter(({ host }) => host !== worst.host);
  const weak = [...others, { ...worst, at: moment.now }].slice(-WEAK_SERVERS_MAX);
  return {
    record: { ...record, weak, fall: { ...fall, isTold: true } },
    told: { step: "fell", from: record.rung, to: worst.rung, host: worst.host },
  };
}

/** The one that stands, as it looks now; or one that begins. */
function fallOf(
  { fall }: DomainRecord,
  sightings: readonly Sighting[],
  now: number,
): NonNullable<DomainRecord["fall"]> {
  const { rung: to, host } = bestOf(sightings);
  // A fall of the future was seen by a clock that was wrong, and would be kept until then.
  const at = Math.min(fall?.at ?? now, now);
  return { to, host, at, isTold: fall?.isTold ?? false };
}

function isNews(weak: readonly WeakServer[], { host, rung }: Sighting): boolean {
  const known = weak.find((server) => server.host === host);
  return known === undefined || !meetsRung(rung, known.rung);
}

function bestOf(sightings: readonly Sighting[]): Sighting {
  return sightings.reduce((a, b) => (RUNGS.indexOf(b.rung) < RUNGS.indexOf(a.rung) ? b : a));
}
