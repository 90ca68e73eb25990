/** Characters that stand in bytes nobody understands. Pure. */

/** Runs of printable characters, in bytes and in UTF-16 wherever it begins. */
export function charactersIn(bytes: Buffer): string {
  const text = bytes.toString("latin1");
  const narrow: readonly string[] = text.match(/[\t -~]{6,}/g) ?? [];
  const wide: readonly string[] = text.match(/(?:[\t\r\n -~]\0){6,}/g) ?? [];
  return [...narrow, ...wide.map((run) => run.replaceAll("\0", ""))].join("\n");
}
