/** Fits weights to labelled messages, and says how sure they are of messages they were not fitted to. */
import type { WeighedSample } from "./features.ts";
import { featuresWorthOf } from "./features.ts";
import { fitWeights } from "./logistic.ts";

/** Classes are of the pack and were tuned already: they are believed less readily than words. */
const CLASS_SCALE = 0.3;
const COST = 0.2;
/** A smaller weight is left out of a list. */
const HUNDREDTHS_MIN = 2;
const BASE = "@base";

/** In hundredths, by feature. */
export type Weights = ReadonlyMap<string, number>;

/** `times`: how much a message of a set counts; 1 where it says nothing. */
export function weightsOf(samples: readonly WeighedSample[], times: ReadonlyMap<string, number>): Weights {
  const features = featuresWorthOf(samples);
  const numbers = new Map(features.map((feature, number) => [feature, number]));
  const fitted = fitWeights({
    rows: samples.map(({ set, isPhi, words, counts }) => ({
      features: Int32Array.from([...words, ...counts].flatMap((feature) => numbers.get(feature) ?? [])),
      isPositive: isPhi,
      times: times.get(set) ?? 1,
    })),
    scales: Float64Array.from(features, (feature) => (feature.startsWith("@") ? CLASS_SCALE : 1)),
    cost: COST,
  });
  const weights = new Map(features.map((feature, number) => [feature, Math.round(100 * (fitted[number] ?? 0))]));
  for (const [feature, weight] of weights) if (Math.abs(weight) < HUNDREDTHS_MIN) weights.delete(feature);
  return weights.set(BASE, Math.round(100 * (fitted[features.length] ?? 0)));
}

/** As the service will find it: 0 to 100. */
export function confidenceOf({ words, counts }: WeighedSample, weights: Weights): number {
  let sum = weights.get(BASE) ?? 0;
  for (const feature of words) sum += weights.get(feature) ?? 0;
  for (const feature of counts) sum += weights.get(feature) ?? 0;
  return Math.round(100 / (1 + Math.exp(-sum / 100)));
}

export type SetScore = {
  readonly set: string;
  readonly phi: number;
  readonly found: number;
  readonly clean: number;
  readonly flagged: number;
};

/** Of each set, judged by weights fitted to the others. */
export function* crossScores(
  samples: readonly WeighedSample[],
  times: ReadonlyMap<string, number>,
  level: number,
): Generator<SetScore> {
  for (const set of new Set(samples.map((sample) => sample.set))) {
    const weights = weightsOf(
      samples.filter((sample) => sample.set !== set),
      times,
    );
    yield scoreOf(
      samples.filter((sample) => sample.set === set),
      weights,
      level,
    );
  }
}

/** Of samples of one set. */
export function scoreOf(samples: readonly WeighedSample[], weights: Weights, level: number): SetScore {
  const sure = samples.filter((sample) => confidenceOf(sample, weights) >= level);
  const phi = samples.filter(({ isPhi }) => isPhi).length;
  const found = sure.filter(({ isPhi }) => isPhi).length;
  return { set: samples[0]?.set ?? "", phi, found, clean: samples.length - phi, flagged: sure.length - found };
}
