/** The MTA-STS policy of a domain and what it asks of each mail server, in words an admin can forward. */
import { assertNever } from "../core/assert-never.ts";
import type { MxHost, Route } from "../core/capabilities.ts";
import { REASON_CODES } from "../core/reason-codes.ts";
import type { StsFailure, StsState } from "../core/sts.ts";
import { formatTime } from "./output.ts";

/** Of a policy with hundreds of names the first ones tell enough. */
const MX_SHOWN_MAX = 10;

/** One line, or two where the last attempt to renew the policy failed. */
export function policyLines(sts: StsState, route: Route): readonly string[] {
  if (route.kind === "hosts" && (route.via === "smarthost" || route.via === "address-literal")) {
    return ["not asked: the way does not lead through the domain's own MX"];
  }
  switch (sts.kind) {
    case "none":
      return [
        sts.failure === null ? "no policy" : `no policy in force; it could not be had: ${failureText(sts.failure)}`,
      ];
    case "unknown":
      return ["not known: DNS gave no answer about a policy, and none is remembered; mail goes as without one"];
    case "unavailable":
      return [`not known, and no mail server is used meanwhile: ${sts.code} ${REASON_CODES[sts.code].what}`];
    case "testing":
    case "enforce": {
      const { kind, id, mx, expiresAt, failure } = sts;
      const names = mxText(mx);
      const binds = kind === "enforce" ? "" : ", which is judged and does not bind";
      return [
        `policy ${id} in mode ${kind}${binds}, until ${formatTime(expiresAt)}; it names ${names}`,
        ...(failure === null
          ? []
          : [`the last attempt to renew it failed: ${failureText(failure)}; it holds all the same`]),
      ];
    }
    default:
      return assertNever(sts);
  }
}

/** One line, or none where there is nothing to say. */
export function hostStsLines({ sts, dane }: MxHost): readonly string[] {
  switch (sts.kind) {
    case "none":
      return [];
    case "unavailable":
      return dane.kind === "usable" ? [] : [`MTA-STS: not known for now, the server is not used: ${sts.code}`];
    case "testing":
      return [`MTA-STS: ${sts.matches ? "the policy names it" : "the policy does not name it"} (mode testing)`];
    case "enforce":
      if (dane.kind === "usable") return ["MTA-STS: does not count here, DANE decides alone"];
      return [
        sts.matches
          ? "MTA-STS: the policy names it; a certificate that is not valid for its name is refused"
          : "MTA-STS: the policy does not name it, so it is not used",
      ];
    default:
      return assertNever(sts);
  }
}

export function mxText(mx: readonly string[]): string {
  if (mx.length === 0) return "no mail server";
  const more = mx.length - MX_SHOWN_MAX;
  const shown = mx.slice(0, MX_SHOWN_MAX).join(", ");
  return more > 0 ? `${shown} and ${more} more` : shown;
}

export function failureText({ type, detail }: StsFailure): string {
  return `${detail} (${type})`;
}
