/** Something a person should look at now: a code, and numbers or names beside it. Never content, never an address. */
import type { ReasonCode } from "./reason-codes.ts";

export type Alert = {
  readonly code: ReasonCode;
  readonly facts?: Readonly<Record<string, number | string>>;
};

/** Never throws and never waits: who raises an alert has something more urgent to do. */
export type RaiseAlert = (alert: Alert) => void;
