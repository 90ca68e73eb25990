/**
 * Looks whether the resolver validates, soon after the start and then every five minutes: a validator that stops validating fails
 * nothing, it only takes DANE away in silence. Promises: each change is logged once; the alert stands from when a resolver that
 * did validate is seen not to, until it does again. A resolver that gives no answer at all is none of it: mail waits, and says so.
 */
import type { Alert } from "./core/alert.ts";
import type { Duty } from "./core/duty.ts";
import type { Log } from "./core/log.ts";
import type { ValidationState } from "./core/validation.ts";
import type { DnsResolver } from "./parts/dns/dns.ts";
import type { Parts } from "./surroundings.ts";

const FIRST_AFTER_MS = 1_000;
const EVERY_MS = 5 * 60_000;

type ValidationDeps = {
  readonly resolver: Pick<DnsResolver, "checkValidation" | "isAdTrusted">;
  readonly log: Log;
  /** All that is so now; what was so before and is not any more is resolved. */
  readonly observe: (present: readonly Alert[]) => void;
};

export function watchValidation(resolver: DnsResolver, { config, env, watching }: Parts): ValidationWatch {
  const observe = (present: readonly Alert[]): void => watching.observe("validation", present);
  return new ValidationWatch(config.dns.signedName, { resolver, log: env.log, observe });
}

export class ValidationWatch {
  readonly #signedName: string;
  readonly #deps: ValidationDeps;
  #state: ValidationState = "unknown";
  #hasValidated = false;

  /** `signedName`: of a zone with a chain of trust, `.` for the root. */
  constructor(signedName: string, deps: ValidationDeps) {
    this.#signedName = signedName;
    this.#deps = deps;
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

  async look(signal: AbortSignal): Promise<void> {
    const { resolver, log, observe } = this.#deps;
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
      this.#hasValidated = true;
      observe([]);
    } else if (state === "not-validating" && this.#hasValidated) {
      observe([{ code: "PST-DSC-010", facts: { name: this.#signedName } }]);
    }
  }
}
