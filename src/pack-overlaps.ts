/** What packs that are named beside each other judge twice: their demands add up, so what one pack took out of another stays in force. Pure. */
import { basename, resolve } from "node:path";

export type NamedPack = {
  readonly path: string;
  /** As its text says it. */
  readonly id: string;
  /** Files of the packs it extends. */
  readonly bases: readonly string[];
};

export type Overlap = {
  /** Where it would be mended. */
  readonly path: string;
  readonly why: string;
  readonly next: string;
};

export function overlapsOf(packs: readonly NamedPack[]): readonly Overlap[] {
  return packs.flatMap((pack, index) => packs.slice(0, index).flatMap((earlier) => overlapOf(earlier, pack) ?? []));
}

function overlapOf(one: NamedPack, other: NamedPack): Overlap | null {
  if (isBelow(one, other)) return extended(other, one);
  if (isBelow(other, one)) return extended(one, other);
  const bases = new Set(one.bases.map((base) => resolve(base)));
  const shared = other.bases.find((base) => bases.has(resolve(base)));
  if (shared !== undefined) {
    const why = `it and ${basename(one.path)} both extend ${basename(shared)}, whose rules are judged twice`;
    return { path: other.path, why, next: "let one of the two extend the other, and name that one alone" };
  }
  if (one.id !== other.id) return null;
  const why = `it is called ${other.id} like ${basename(one.path)}, and the audit cannot tell them apart`;
  return { path: other.path, why, next: "give one of them another name behind `pack:`" };
}

function isBelow(base: NamedPack, { bases }: NamedPack): boolean {
  return bases.some((each) => resolve(each) === resolve(base.path));
}

function extended(pack: NamedPack, base: NamedPack): Overlap {
  const why = `it extends ${basename(base.path)}, which is named too: those rules are judged twice, also where this pack changed them or left them out`;
  return { path: pack.path, why, next: `name ${basename(pack.path)} alone` };
}
