/** The catalogue of every refusal, deferral, hold and failure. A code, once released, keeps its meaning. */
import type { CodeEntry } from "./code-entry.ts";
import { acceptCodes } from "./codes/accept.ts";
import { auditCodes } from "./codes/audit.ts";
import { configCodes } from "./codes/config.ts";
import { controlCodes } from "./codes/control.ts";
import { decideCodes } from "./codes/decide.ts";
import { deliverCodes } from "./codes/deliver.ts";
import { discoverCodes } from "./codes/discover.ts";
import { edmCodes } from "./codes/edm.ts";
import { inspectCodes } from "./codes/inspect.ts";
import { monitorCodes } from "./codes/monitor.ts";
import { pipelineCodes } from "./codes/pipeline.ts";
import { pressureCodes } from "./codes/pressure.ts";
import { protectCodes } from "./codes/protect.ts";
import { reportCodes } from "./codes/report.ts";
import { serviceCodes } from "./codes/service.ts";
import { spoolCodes } from "./codes/spool.ts";

const codes = {
  ...acceptCodes,
  ...auditCodes,
  ...configCodes,
  ...controlCodes,
  ...decideCodes,
  ...deliverCodes,
  ...discoverCodes,
  ...edmCodes,
  ...inspectCodes,
  ...monitorCodes,
  ...pipelineCodes,
  ...pressureCodes,
  ...protectCodes,
  ...reportCodes,
  ...serviceCodes,
  ...spoolCodes,
} as const;

export type ReasonCode = keyof typeof codes;

export const REASON_CODES: Readonly<Record<ReasonCode, CodeEntry>> = codes;
