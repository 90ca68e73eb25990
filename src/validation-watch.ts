/**
 * Looks whether the resolver validates, soon after the start and then every five minutes: a validator that stops validating fails
 * nothing, it only takes DANE away in silence. Promises: each change is logged once; the alert stands from when a resolver that
 * did validate, in this life of the process or before, is seen not to, until it does again. A resolver that gives no answer at all is none of it: mail waits, and says so.
 */
import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Alert } from "./core/alert.ts";
import type { Duty } from "./core/duty.ts";
import type { Log } from "./core/log.ts";
import type { ValidationState } from "./core/validation.ts";
import type { DnsResolver } from "./parts/dns/dns.ts";
import type { Parts } from "./surroundings.ts";

const FIRST_AFTER_MS = 1_000;
const EVERY_MS = 5 * 60_000;
const LOOK_MS_MAX = 30_000;

type ValidationDeps = {
  readonly resolver: Pick<DnsResolver, "checkValidation" | "isAdTrusted">;
  readonly log: Log;
  /** All that is so now; what was so before and is not any more is resolved. */
  readonly observe: (present: readonly Alert[]) => void;
  /** Outlives the process: a resolver often breaks with a restart of the whole machine. */
  readonly memory: { readonly hasValidated: () => boolean; readonly remember: () => Promise<void> };
};

/** An empty file in data_dir: DNSSEC was validated here once. */
const MARK = "dnssec-validated";

export function watchValidation(resolver: DnsResolver, { config, env, watching }: Parts): ValidationWatch {
  const observe = (present: readonly Alert[]): void => watching.observe("validation", present);
  const mark = join(config.dataDir, MARK);
  const memory = {
    hasValidated: () => existsSync(mark),
    remember: () => writeFile(mark, "", { mode: 0o640 }),
  };
  return new ValidationWatch(config.dns.signedName, { resolver, log: env.log, observe, memory });
}

export class ValidationWatch {
  readonly #signedName: string;
  readonly #lookMsMax: number;
  readonly #deps: ValidationDeps;
  #state: ValidationState = "unknown";
  #hasValidated = false;
  #asked: Promise<boolean> | null = null;

  /** `signedName`: of a zone with a chain of trust, `.` for the root. */
  constructor(signedName: string, deps: ValidationDeps, lookMsMax = LOOK_MS_MAX) {
    this.#signedName = signedName;
    this.#deps = deps;
    this.#lookMsMax = lookMsMax;
  }

  get state(): ValidationState {
    return this.#state;
  }

  duty(): Duty {
    return {
      name: "dns_validation",
      firstAfterMs: FIRST_AFTER_MS,
      everyMs: EVERY_MS,
      run: (signal) => this.look(signal),
    };
  }

  /** Asked now: for what must not be judged by an answer of minutes before. A resolver that keeps silent does not validate. */
  async isValidating(): Promise<boolean> {
    this.#asked ??= this.#ask().finally(() => (this.#asked = null));
    return await this.#asked;
  }

  async #ask(): Promise<boolean> {
    const signal = AbortSignal.timeout(this.#lookMsMax);
    await this.look(signal);
    return !signal.aborted && this.#state === "validating";
  }

  async look(signal: AbortSignal): Promise<void> {
    const { resolver, log, observe, memory } = this.#deps;
    const before = this.#state;
    const state = await resolver.checkValidation(this.#signedName, signal);
    if (signal.aborted) return;
    this.#state = state;
    if (state !== before) {
      const fields = { state, before, believed: resolver.isAdTrusted };
      if (state === "validating") log.info("dns_validation", fields);
      else log.warn("dns_validation", fields);
    }
    if (state === "validating") {
      observe([]);
      if (this.#hasValidated) return;
      this.#hasValidated = true;
      await memory.remember();
    } else if (state === "not-validating" && resolver.isAdTrusted) {
      this.#hasValidated ||= memory.hasValidated();
      if (this.#hasValidated) observe([{ code: "PST-DSC-010", facts: { name: this.#signedName } }]);
    }
  }
}
