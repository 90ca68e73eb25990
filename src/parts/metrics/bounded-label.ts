/** The values one label may take: of a known form, and no more than so many different ones. Anything else counts as `other`. */

const FORM = /^[A-Za-z0-9][A-Za-z0-9._/-]{0,99}$/;
export const OTHER = "other";

export class BoundedLabel {
  readonly #seen = new Set<string>();
  readonly #valuesMax: number;

  constructor(valuesMax: number) {
    this.#valuesMax = valuesMax;
  }

  /** An at sign, a space or any other character a name has not makes it `other`. */
  of(text: string): string {
    if (this.#seen.has(text)) return text;
    if (this.#seen.size >= this.#valuesMax || !FORM.test(text)) return OTHER;
    this.#seen.add(text);
    return text;
  }
}
