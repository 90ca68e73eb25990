/**
 * Small bodies that were stored or read a moment ago: one mail is inspected, rebuilt and sent within a second, and need not be
 * opened, read and decrypted for each.
 * Promises: holds `bytesMax` bytes at most, and nothing longer than two periods without use; gives only bytes that were
 * encrypted or authenticated here. Whoever is given them must not change them.
 */

/** What was not asked for during one whole period goes. */
const PERIOD_MS = 20_000;

export class BodyCache {
  readonly #generationBytesMax: number;
  #young = new Map<string, Buffer>();
  #old = new Map<string, Buffer>();
  #youngBytes = 0;
  #timer: NodeJS.Timeout | null = null;

  /** 0: remembers nothing. */
  constructor(bytesMax: number) {
    this.#generationBytesMax = Math.floor(bytesMax / 2);
  }

  get(locator: string): Buffer | null {
    const body = this.#young.get(locator) ?? this.#old.get(locator) ?? null;
    if (body !== null && this.#old.delete(locator)) this.put(locator, body);
    return body;
  }

  put(locator: string, body: Buffer): void {
    if (body.length > this.#generationBytesMax || this.#young.has(locator)) return;
    if (this.#youngBytes + body.length > this.#generationBytesMax) this.#age();
    this.#young.set(locator, body);
    this.#youngBytes += body.length;
    this.#timer ??= setTimeout(() => this.#tick(), PERIOD_MS).unref();
  }

  delete(locator: string): void {
    this.#youngBytes -= this.#young.get(locator)?.length ?? 0;
    this.#young.delete(locator);
    this.#old.delete(locator);
  }

  clear(): void {
    this.#age();
    this.#age();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #age(): void {
    this.#old = this.#young;
    this.#young = new Map();
    this.#youngBytes = 0;
  }

  #tick(): void {
    this.#age();
    this.#timer = this.#old.size === 0 ? null : setTimeout(() => this.#tick(), PERIOD_MS).unref();
  }
}
