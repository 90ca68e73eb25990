/** What a case measured, judged against its goals, as a table for people, Markdown and JSON. */

export type Figure = {
  /** Whose, such as `Postern`. */
  readonly peer: string;
  /** What, with its unit: `mails/s`, `CPU s per 1,000`, `peak PSS MB`. */
  readonly what: string;
  /** One for each round. */
  readonly samples: readonly number[];
};

/** A figure with a goal: `must` and `aim` are what it has to reach, in the sense of `better`. */
export type Judgement = {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  readonly better: "more" | "less";
  readonly must: number;
  readonly aim: number | null;
};

export type CaseResult = {
  readonly id: string;
  readonly title: string;
  readonly figures: readonly Figure[];
  readonly judgements: readonly Judgement[];
};

export function median(samples: readonly number[]): number {
  const sorted = samples.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? Number.NaN;
  return sorted.length % 2 === 1 ? upper : (upper + (sorted[middle - 1] ?? Number.NaN)) / 2;
}

export function percentile(samples: readonly number[], share: number): number {
  const sorted = samples.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function samplesOf(figures: readonly Figure[], peer: string, what: string): readonly number[] {
  return figures.find((figure) => figure.peer === peer && figure.what === what)?.samples ?? [];
}

/** Ratio of the medians of one run. */
export function ratio(figures: readonly Figure[], what: string, peers: readonly [string, string]): number {
  return median(samplesOf(figures, peers[0], what)) / median(samplesOf(figures, peers[1], what));
}

function reaches({ value, better }: Judgement, goal: number): boolean {
  return better === "more" ? value >= goal : value < goal;
}

export function meetsMust(judgement: Judgement): boolean {
  return reaches(judgement, judgement.must);
}

export function rounded(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

function spread({ samples }: Figure): string {
  if (samples.length < 2) return "";
  return ` (${rounded(Math.min(...samples))}..${rounded(Math.max(...samples))})`;
}

function goal(judgement: Judgement, value: number | null): string {
  if (value === null) return "";
  return `${judgement.better === "more" ? "≥" : "<"} ${value}`;
}

function verdict(judgement: Judgement): string {
  if (!meetsMust(judgement)) return "below must";
  if (judgement.aim === null) return "met";
  return reaches(judgement, judgement.aim) ? "aim met" : "must met";
}

export function humanReport(result: CaseResult): string {
  const figures = result.figures.map(
    (figure) =>
      `  ${figure.peer.padEnd(20)} ${rounded(median(figure.samples)).padStart(9)} ${figure.what}${spread(figure)}`,
  );
  const judgements = result.judgements.map((judgement) => {
    const { what, value, unit, must, aim } = judgement;
    const goals = `must ${goal(judgement, must)}${aim === null ? "" : `, aim ${goal(judgement, aim)}`}`;
    return `  → ${what}: ${rounded(value)} ${unit}  [${goals}: ${verdict(judgement)}]`;
  });
  return [`${result.id}  ${result.title}`, ...figures, ...judgements, ""].join("\n");
}

/** The goals as one table, and the figures behind them as another. */
export function markdownReport(results: readonly CaseResult[]): string {
  const goals = results.flatMap(({ id, judgements }) =>
    judgements.map((judgement) => {
      const { what, value, unit, must, aim } = judgement;
      const cells = [
        `\`${id}\``,
        what,
        `${rounded(value)} ${unit}`.trim(),
        goal(judgement, must),
        goal(judgement, aim),
      ];
      return `| ${[...cells, verdict(judgement)].join(" | ")} |`;
    }),
  );
  const figures = results.flatMap((result) =>
    result.figures.map(
      (figure) =>
        `| \`${result.id}\` | ${figure.peer} | ${figure.what} | ${rounded(median(figure.samples))}${spread(figure)} |`,
    ),
  );
  return [
    "| case | measured | value | must | aim | |",
    "|---|---|---|---|---|---|",
    ...goals,
    "",
    "| case | of | what | median (min..max) |",
    "|---|---|---|---|",
    ...figures,
    "",
  ].join("\n");
}
