/** A row of the table, or several that are measured together. */
import type { CaseResult } from "../report.ts";
import type { Site } from "../rig/site.ts";

export type CaseOptions = {
  readonly rounds: number;
  /** Load of one measurement. */
  readonly seconds: number;
  readonly warmUpMessages: number;
  /** A smoke run: little of everything, and no figure means anything. */
  readonly isQuick: boolean;
};

export type Case = {
  readonly id: string;
  readonly group: "accept" | "relay" | "memory" | "backlog" | "discovery";
  readonly run: (site: Site, options: CaseOptions) => Promise<CaseResult>;
};
