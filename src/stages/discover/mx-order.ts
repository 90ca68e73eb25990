/**
 * The order in which mail servers are tried (RFC 5321 section 5.1, RFC 7505 section 3). Promises: each host once, lower preference first,
 * equals in an order chance gives, and never a host that is this gateway or one it is to deliver to us.
 */
import type { Chance } from "../../core/clock.ts";
import type { MxRecord } from "../../core/dns-answer.ts";

export function orderMx(records: readonly MxRecord[], chance: Chance): readonly MxRecord[] {
  const best = new Map<string, MxRecord>();
  for (const record of records) {
    const known = best.get(record.exchange);
    if (known === undefined || record.preference < known.preference) best.set(record.exchange, record);
  }
  return shuffle([...best.values()], chance).sort((a, b) => a.preference - b.preference);
}

/** Without ourselves and every host that is not strictly better: those would hand the mail back to us. */
export function withoutSelf<T extends { readonly preference: number }>(
  hosts: readonly T[],
  isSelf: (host: T) => boolean,
): readonly T[] {
  const own = hosts.filter(isSelf).map(({ preference }) => preference);
  return own.length === 0 ? hosts : hosts.filter(({ preference }) => preference < Math.min(...own));
}

/** Fisher and Yates. */
function shuffle<T>(values: readonly T[], chance: Chance): T[] {
  const shuffled = [...values];
  for (let last = shuffled.length - 1; last > 0; last -= 1) {
    const other = Math.floor(chance() * (last + 1));
    const [a, b] = [shuffled[last], shuffled[other]];
    if (a !== undefined && b !== undefined) [shuffled[last], shuffled[other]] = [b, a];
  }
  return shuffled;
}
