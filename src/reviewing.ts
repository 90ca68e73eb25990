/** The review of mail that a rule holds, put together for the running service: its settings as they are in force now, and its duty. */
import type { Duty } from "./core/duty.ts";
import { requestMs } from "./options.ts";
import type { Config } from "./parts/config/config.ts";
import type { OperatorDeps } from "./stages/spool/operator.ts";
import { decideReview, expireRequests, judgeRequest } from "./stages/spool/review.ts";
import type { ReviewDecision, ReviewDeps, ReviewResult, Verdict, VerdictResult } from "./stages/spool/review.ts";

const EXPIRE_INTERVAL_MS = 60_000;

export type Reviewing = {
  readonly decide: (decision: ReviewDecision) => Promise<ReviewResult>;
  readonly judge: (verdict: Verdict) => Promise<VerdictResult>;
};

type Given = {
  readonly config: () => Config;
  readonly operator: () => OperatorDeps;
  readonly newRequestId: () => string;
};

export function reviewing({ config, operator, newRequestId }: Given): Reviewing {
  const deps = (): ReviewDeps => ({
    ...operator(),
    fourEyes: () => config().review.fourEyes,
    requestMs: () => requestMs(config()),
    newRequestId,
  });
  return {
    decide: (decision) => decideReview(decision, deps()),
    judge: (verdict) => judgeRequest(verdict, deps()),
  };
}

/** Requests that nobody decided about in time. */
export function expiryDuty(deps: Parameters<typeof expireRequests>[0]): Duty {
  return { name: "approvals", everyMs: EXPIRE_INTERVAL_MS, run: () => expireRequests(deps) };
}
