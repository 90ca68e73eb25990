/** The machine's own clock, for tests in which certificates and patience are real. */
import type { Clock } from "../../src/core/clock.ts";

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
