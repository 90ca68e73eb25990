/** For tests of discovery that are not about MTA-STS: no domain has a policy, and nothing is asked. */
import type { StsLookup } from "../../src/stages/discover/sts.ts";

export const NO_STS: StsLookup = {
  policyOf: () => Promise.resolve({ kind: "none", failure: null }),
  fetchedAgain: () => Promise.resolve({ kind: "none", failure: null }),
};
