/** What commands tell of a domain's MTA-STS policy. Times as in ISO 8601. */
import type { StsFailure, StsPolicy } from "./sts.ts";

export type StsRow = {
  readonly domain: string;
  readonly mode: StsPolicy["mode"];
  readonly id: string;
  /** In a list the first ones; `mxCount` says how many there are. */
  readonly mx: readonly string[];
  readonly mxCount: number;
  readonly fetchedAt: string;
  readonly expiresAt: string;
  readonly isInForce: boolean;
  /** null: with the next mail to the domain. */
  readonly nextLookAt: string | null;
  readonly usedAt: string;
  /** Attempts to renew it that failed, in a row, and why the last one did. */
  readonly failures: number;
  readonly failure: StsFailure | null;
};

export type StsPage = { readonly rows: readonly StsRow[]; readonly next: string | null };

export type StsRefreshed = {
  readonly domain: string;
  /** What DNS said: the id, that there is no valid record, or nothing. */
  readonly record: { readonly kind: "id"; readonly id: string } | { readonly kind: "none" | "unavailable" };
  /** What was fetched; null where there was nothing to fetch. */
  readonly policy: StsPolicy | null;
  readonly failure: StsFailure | null;
  /** What holds now. */
  readonly held: StsRow | null;
};
