/** Collects what is wrong with a configuration, each with its place, and knows which options are too broken to look into. */
import { formatYamlPath } from "./yaml-source.ts";
import type { YamlError, YamlPath, YamlSource } from "./yaml-source.ts";

export class ConfigReport {
  readonly #source: YamlSource;
  readonly #broken: readonly string[];
  readonly errors: YamlError[] = [];
  readonly warnings: YamlError[] = [];

  /** `broken`: paths whose shape failed; what stands for them now is only their default. */
  constructor(source: YamlSource, broken: readonly YamlPath[]) {
    this.#source = source;
    this.#broken = broken.map(formatYamlPath);
  }

  /** False when a check over these options would judge a default instead of what was written. */
  isSound(...options: readonly string[]): boolean {
    return !options.some((option) => this.#broken.some((path) => isWithin(path, option) || isWithin(option, path)));
  }

  error(path: YamlPath, message: string): void {
    if (this.isSound(formatYamlPath(path))) this.errors.push(this.#source.errorAt(path, message));
  }

  warn(path: YamlPath, message: string): void {
    if (this.isSound(formatYamlPath(path))) this.warnings.push(this.#source.errorAt(path, message));
  }
}

function isWithin(path: string, whole: string): boolean {
  return whole === "" || path === whole || path.startsWith(`${whole}.`) || path.startsWith(`${whole}[`);
}
