/**
 * After a change of keys: seals and wraps anew whatever still needs a key of before, so that the old key can be destroyed.
 * Promises: goes on beside the mail and can be broken off at any row; nothing is lost when it is, because the old key still
 * opens. Returns how many values it changed; 0 of a whole pass says that nothing needs an old key any more.
 */
import { storeError } from "./sqlite-store-error.ts";
import type { RowCodec } from "./sqlite-codec.ts";
import { SEALED_COLUMNS } from "./sealed-columns.ts";
import type { SealedColumnName } from "./sealed-columns.ts";
import type { WriterClient } from "./writer-client.ts";
import type { SealedRow, StretchOf, WrappedRow } from "./writer-protocol.ts";

/** Wraps the key of a stored body anew under the present spool key. */
export type Rewrapper = {
  /** What a key wrapped by the present one begins with. */
  readonly mark: () => string;
  readonly rewrap: (locator: string, wrappedKey: string) => string;
};

export type RekeyDeps = {
  readonly client: WriterClient;
  readonly codec: RowCodec;
  readonly rewrapper: Rewrapper;
  /** Aborted: no further stretch is begun. */
  readonly signal: AbortSignal;
};

/** One pass over everything. Rejects at a value that no given key opens (PST-SPL-061): what came before it is done. */
export async function rekeyOnce(deps: RekeyDeps): Promise<number> {
  let changed = await rewrapAll(deps);
  for (const column of Object.keys(SEALED_COLUMNS) as SealedColumnName[]) changed += await resealAll(column, deps);
  return changed;
}

async function resealAll(column: SealedColumnName, { client, codec, signal }: RekeyDeps): Promise<number> {
  let changed = 0;
  let after: number | null = 0;
  while (after !== null && !signal.aborted) {
    const stretch: StretchOf<SealedRow, number> = await client.call(
      { kind: "foreignSeals", args: { column, mark: codec.mark(), after } },
      false,
    );
    const rows = stretch.rows.map((row) => codec.reseal(column, row));
    if (rows.length > 0) changed += await client.call({ kind: "reseal", args: { column, rows } }, false);
    after = stretch.next;
  }
  return changed;
}

async function rewrapAll({ client, rewrapper, signal }: RekeyDeps): Promise<number> {
  let changed = 0;
  let after: string | null = "";
  while (after !== null && !signal.aborted) {
    const stretch: StretchOf<WrappedRow, string> = await client.call(
      { kind: "foreignWraps", args: { mark: rewrapper.mark(), after } },
      false,
    );
    const rows = stretch.rows.map((row) => rewrapped(row, rewrapper));
    if (rows.length > 0) changed += await client.call({ kind: "rewrap", args: { rows } }, false);
    after = stretch.next;
  }
  return changed;
}

function rewrapped({ locator, wrapped_key: from }: WrappedRow, { rewrap }: Rewrapper) {
  try {
    return { locator, from, to: rewrap(locator, from) };
  } catch (error) {
    throw storeError("PST-SPL-061", locator, error);
  }
}
