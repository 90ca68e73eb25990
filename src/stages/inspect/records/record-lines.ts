/**
 * Gathers what a structured record says as lines of label and value, as a person would write them, and the files within it.
 * Promises: no more than `charsMax` characters; values of one line. Pure.
 */
export class RecordLines {
  readonly files: Buffer[] = [];
  readonly #charsMax: number;
  readonly #lines: string[] = [];
  #chars = 0;

  constructor(charsMax: number) {
    this.#charsMax = charsMax;
  }

  get isFull(): boolean {
    return this.#chars >= this.#charsMax;
  }

  get text(): string {
    return this.#lines.join("\n");
  }

  add(label: string, value: string): void {
    const shown = value.replace(/\s+/g, " ").trim();
    if (shown === "" || this.isFull) return;
    const line = label.trim() === "" ? shown : `${label.trim()}: ${shown}`;
    this.#chars += line.length + 1;
    this.#lines.push(line);
  }

  name(label: string, { family, given }: { readonly family: string; readonly given: readonly string[] }): void {
    this.add(label, [...given, family].map(capitalised).filter(Boolean).join(" "));
  }

  /** `19610314`, with or without a time behind it. */
  date(label: string, value: string): void {
    this.add(label, value.trim().replace(/^(\d{4})(\d{2})(\d{2})(?:[T\d].*)?$/, "$1-$2-$3"));
  }

  file(bytes: Buffer): void {
    this.files.push(bytes);
  }
}

/** Systems write names in capitals; what stands in their fields is a name for sure. */
function capitalised(name: string): string {
  const text = name.trim();
  if (!/^[A-Z' -]{2,}$/.test(text)) return text;
  return text
    .toLowerCase()
    .replace(/(^|[' -])([a-z])/g, (_, before: string, letter: string) => before + letter.toUpperCase());
}
