/** What the connections of one delivery showed of a domain's mail servers, rung by rung. */
import type { AttemptFacts } from "../../core/outcome.ts";
import { PHASES } from "../../core/outcome.ts";
import type { ReasonCode } from "../../core/reason-codes.ts";
import type { Rung } from "../../core/rung.ts";

export type Sighting = { readonly host: string; readonly rung: Rung };

/** The server answered and there was no TLS with it: not offered, refused, or the handshake failed. */
const WITHOUT_TLS: readonly ReasonCode[] = ["PST-DLV-007", "PST-DLV-008", "PST-DLV-040", "PST-DLV-041"];

export function sightingsOf(attempts: readonly AttemptFacts[]): readonly Sighting[] {
  return attempts.flatMap((attempt): readonly Sighting[] => {
    const rung = rungSeen(attempt);
    // A pin is the operator's own word: the domain proves nothing by it, and loses nothing when it is taken back.
    return rung === null || rung === "pinned" ? [] : [{ host: attempt.host, rung }];
  });
}

/** A server that no longer offers STARTTLS is at `plain`, whether or not mail was given to it. */
function rungSeen({ reused, rung, rule, phase, starttlsOffered, code }: AttemptFacts): Rung | null {
  // A kept connection tells of the time when it was opened.
  if (reused) return null;
  // What it proves beside the operator's rule was not judged (deliver/assess-peer.ts): a rule out of date is no fall.
  if (rule?.met === false && rung !== "plain") return null;
  if (rung !== null) return rung;
  if (code !== null && WITHOUT_TLS.includes(code)) return "plain";
  const hasGreeted = PHASES.indexOf(phase) > PHASES.indexOf("ehlo");
  return hasGreeted && !starttlsOffered ? "plain" : null;
}
