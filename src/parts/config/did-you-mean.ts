/**
 * Finds the word an operator probably meant, for messages about unknown keys, commands and values.
 * Promises: a suggestion is near (about a third of its letters may differ) or there is none. Pure.
 */

const WORD_LENGTH_MAX = 64;

/** The nearest candidate, or null when nothing is near enough to be helpful. */
export function nearestWord(word: string, candidates: readonly string[]): string | null {
  if (word.length === 0 || word.length > WORD_LENGTH_MAX) return null;
  const wanted = word.toLowerCase();
  let best: { readonly candidate: string; readonly distance: number } | null = null;
  for (const candidate of candidates) {
    if (candidate.length > WORD_LENGTH_MAX) continue;
    const distance = editDistance(wanted, candidate.toLowerCase());
    if (distance <= nearEnough(wanted, candidate) && (best === null || distance < best.distance)) {
      best = { candidate, distance };
    }
  }
  return best?.candidate ?? null;
}

/** ` Did you mean "x"?` with its leading space, or an empty text. */
export function didYouMean(word: string, candidates: readonly string[]): string {
  const nearest = nearestWord(word, candidates);
  return nearest === null ? "" : ` Did you mean "${nearest}"?`;
}

function nearEnough(word: string, candidate: string): number {
  const longer = Math.max(word.length, candidate.length);
  return longer < 3 ? 0 : Math.max(1, Math.floor(longer / 3));
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours cost one. */
function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, column) => column)];
  const cell = (row: number, column: number): number => rows[row]?.[column] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j += 1) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      row.push(
        Math.min(
          cell(i - 1, j) + 1,
          cell(i, j - 1) + 1,
          cell(i - 1, j - 1) + same,
          swapped ? cell(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return cell(a.length, b.length);
}
