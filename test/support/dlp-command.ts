/** Runs `postern dlp …` in this process and hands back what it printed and threw. */
import { vi } from "vitest";
import { dlpCommand } from "../../src/cli/commands/dlp.ts";

export type DlpRun = { readonly output: string; readonly complaints: string; readonly error: unknown };

export async function runDlp(...args: readonly string[]): Promise<DlpRun> {
  const lines: string[] = [];
  const complaints: string[] = [];
  const into = (list: string[]) => (text: string | Uint8Array) => list.push(String(text)) > 0;
  const standard = vi.spyOn(process.stdout, "write").mockImplementation(into(lines));
  const errors = vi.spyOn(process.stderr, "write").mockImplementation(into(complaints));
  try {
    const error: unknown = await dlpCommand()
      .exitOverride()
      .parseAsync(args, { from: "user" })
      .then(
        () => null,
        (reason: unknown) => reason,
      );
    return { output: lines.join(""), complaints: complaints.join(""), error };
  } finally {
    standard.mockRestore();
    errors.mockRestore();
  }
}

/** The rows of JSON Lines. */
export function jsonLines(output: string): readonly Readonly<Record<string, unknown>>[] {
  return output
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
}
