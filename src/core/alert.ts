/**
 * Something a person should look at now: a code, and numbers or names beside it. Never content, never an address. Texts among the
 * facts tell one alert from another of the same code (which certificate, which submitter); `message` and `recipient` name an
 * example by its id.
 */
import type { ReasonCode } from "./reason-codes.ts";

export type AlertFacts = Readonly<Record<string, number | string>>;

export type Alert = {
  readonly code: ReasonCode;
  readonly facts?: AlertFacts;
};

/** Never throws and never waits: who raises an alert has something more urgent to do. */
export type RaiseAlert = (alert: Alert) => void;

/** What operators are told: that it is so, that it still is or came again, that it is over. */
export type AlertState = "raised" | "again" | "resolved";

export type AlertNotice = {
  readonly state: AlertState;
  readonly code: ReasonCode;
  readonly facts: AlertFacts;
  /** Times it was raised since `since`. */
  readonly count: number;
  readonly since: number;
  readonly at: number;
  /** A few of the messages it is about. */
  readonly messages: readonly string[];
};
