/** Discovery as the service does it, for commands that look at the way of mail: same configuration, and every look-up is kept. */
import { randomBytes } from "node:crypto";
import type { Clock } from "../core/clock.ts";
import type { Mailbox } from "../core/envelope.ts";
import type { Log } from "../core/log.ts";
import type { Discover } from "../core/stages.ts";
import { discoverOptions, resolverOptions } from "../options.ts";
import type { Config } from "../parts/config/config.ts";
import { createResolver } from "../parts/dns/dns.ts";
import { parseMailbox } from "../parts/smtp/mailbox.ts";
import { createDiscover } from "../stages/discover/discover.ts";
import { Proving } from "../proving.ts";
import { CliError } from "./cli-error.ts";
import { printable } from "./output.ts";
import { rememberedPolicies } from "./remembered-policies.ts";
import { recordLookups } from "./route-explanation.ts";
import type { Lookup } from "./route-explanation.ts";

export type Discovery = {
  readonly discover: Discover;
  /** What `discover` asked, filled while it runs. */
  readonly lookups: readonly Lookup[];
};

export async function withDiscovery<T>(config: Config, use: (discovery: Discovery) => Promise<T>): Promise<T> {
  const log = standardErrorLog();
  const { resolver, lookups } = recordLookups(createResolver(resolverOptions(config), { randomBytes, log }));
  const { policies, facts, close } = rememberedPolicies(config, resolver, log);
  const clock: Clock = { now: () => Date.now(), monotonic: () => performance.now() };
  const deps = { resolver, sts: policies, policy: () => config.policy, clock, chance: Math.random, log };
  const proving = new Proving({
    env: { clock, log },
    facts,
    record: () => Promise.resolve(),
    observe: () => undefined,
    // Whether it validates now is for the service to watch: here is told what counts while it does.
    validation: { isValidating: () => Promise.resolve(true), wasValidating: () => true },
    keepMs: () => config.policy.keepProvenMs,
  });
  try {
    return await use({ discover: proving.discover(createDiscover(discoverOptions(config), deps)), lookups });
  } finally {
    close();
  }
}

/** A mailbox, or a domain alone. Throws CliError for anything else. */
export function parseDestination(text: string): Mailbox {
  const parsed = parseMailbox(text.includes("@") ? text : `postmaster@${text}`);
  if (parsed.kind !== "bad") return parsed.mailbox;
  const next = "give a mailbox such as someone@example.org, or a domain such as example.org.";
  throw new CliError(`this is not an address (${parsed.problem})`, { next, exitCode: 2 });
}

/** Only what the operator should know beside the answer. */
function standardErrorLog(): Log {
  const say: Log["warn"] = (event, fields = {}) => {
    const text = Object.entries(fields).map(([key, value]) => `${key}=${String(value)}`);
    process.stderr.write(`${printable(["warning:", event, ...text].join(" "))}\n`);
  };
  return { debug() {}, info() {}, warn: say, error: say };
}
