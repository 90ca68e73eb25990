/**
 * Logistic regression: finds the weights under which sums of features tell two kinds of rows apart best, with a price on large weights.
 * Promises: the same rows give the same weights; the problem is convex, so there is one best answer and it is approached as near as
 * `GRADIENT_MIN` says. By L-BFGS (Nocedal, Wright, Numerical Optimization, 7.4).
 */

/** Numbers of the features a row has, which of the two kinds it is, and how much it counts. */
export type Row = { readonly features: Int32Array; readonly isPositive: boolean; readonly times: number };

export type Fit = {
  readonly rows: readonly Row[];
  /** How readily each feature is believed: twice the scale, a fourth of the price. */
  readonly scales: Float64Array;
  /** Price of not fitting the rows, against that of large weights. */
  readonly cost: number;
};

const ROUNDS_MAX = 300;
const REMEMBERED = 8;
const GRADIENT_MIN = 1e-3;
const HALVINGS_MAX = 30;
/** Of the decrease that the slope promises. */
const DECREASE_MIN = 1e-4;

type Point = { readonly weights: Float64Array; readonly value: number; readonly gradient: Float64Array };
type Step = { readonly s: Float64Array; readonly y: Float64Array; readonly rho: number };

/** By feature, in the units of sums (1 is e times as likely); the last one is the base. */
export function fitWeights(fit: Fit): Float64Array {
  const size = fit.scales.length + 1;
  let here = valueAt(fit, new Float64Array(size));
  const steps: Step[] = [];
  for (let round = 0; round < ROUNDS_MAX && norm(here.gradient) > GRADIENT_MIN; round += 1) {
    const next = along(fit, here, direction(here.gradient, steps));
    if (next === null) break;
    const s = minus(next.weights, here.weights);
    const y = minus(next.gradient, here.gradient);
    const curvature = dot(s, y);
    if (curvature > 1e-12) steps.push({ s, y, rho: 1 / curvature });
    if (steps.length > REMEMBERED) steps.shift();
    here = next;
  }
  return here.weights.map((weight, feature) => weight * (fit.scales[feature] ?? 1));
}

function valueAt({ rows, scales, cost }: Fit, weights: Float64Array): Point {
  const base = scales.length;
  const gradient = Float64Array.from(weights);
  let value = dot(weights, weights) / 2;
  for (const { features, isPositive, times } of rows) {
    let sum = weights[base] ?? 0;
    for (const feature of features) sum += (weights[feature] ?? 0) * (scales[feature] ?? 0);
    const margin = isPositive ? sum : -sum;
    value += cost * times * (margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin);
    const slope = ((isPositive ? -1 : 1) * cost * times) / (1 + Math.exp(margin));
    for (const feature of features) gradient[feature] = (gradient[feature] ?? 0) + slope * (scales[feature] ?? 0);
    gradient[base] = (gradient[base] ?? 0) + slope;
  }
  return { weights, value, gradient };
}

/** Downhill, bent by what the last steps told of the slope's change. */
function direction(gradient: Float64Array, steps: readonly Step[]): Float64Array {
  const q = gradient.map((each) => -each);
  const alphas = steps.toReversed().map(({ s, y, rho }) => {
    const alpha = rho * dot(s, q);
    addTo(q, y, -alpha);
    return alpha;
  });
  const last = steps.at(-1);
  if (last !== undefined) scaleBy(q, 1 / (last.rho * dot(last.y, last.y)));
  steps.forEach(({ s, y, rho }, index) => {
    addTo(q, s, (alphas[steps.length - 1 - index] ?? 0) - rho * dot(y, q));
  });
  return q;
}

/** As far as it pays; null where no step does. */
function along(fit: Fit, here: Point, way: Float64Array): Point | null {
  const slope = dot(here.gradient, way);
  let length = 1;
  for (let halving = 0; halving < HALVINGS_MAX; halving += 1) {
    const weights = Float64Array.from(here.weights);
    addTo(weights, way, length);
    const next = valueAt(fit, weights);
    if (next.value <= here.value + DECREASE_MIN * length * slope) return next;
    length /= 2;
  }
  return null;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i += 1) sum += (a[i] ?? 0) * (b[i] ?? 0);
  return sum;
}

function norm(a: Float64Array): number {
  return Math.sqrt(dot(a, a));
}

function minus(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((each, index) => each - (b[index] ?? 0));
}

function addTo(a: Float64Array, b: Float64Array, times: number): void {
  for (let i = 0; i < a.length; i += 1) a[i] = (a[i] ?? 0) + times * (b[i] ?? 0);
}

function scaleBy(a: Float64Array, times: number): void {
  for (let i = 0; i < a.length; i += 1) a[i] = (a[i] ?? 0) * times;
}
