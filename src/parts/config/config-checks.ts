/**
 * Checks across the options of postern.yaml that a schema cannot say: names twice, listeners nobody may use, rules past
 * their date, floors that contradict each other. Pure but for the report; files are looked at in config-files.ts.
 */
import { findDestinationRule } from "../../core/destination-rule.ts";
import { chooseServers } from "../dns/trust.ts";
import { namesSomebody, NO_ADDRESS_PATTERN, readAddressPattern } from "../smtp/address-pattern.ts";
import { overlaps, parseNetwork } from "../smtp/network.ts";
import { overlapsSharedCloud } from "../smtp/shared-clouds.ts";
import type { ConfigReport } from "./config-report.ts";
import type { ConfigText } from "./config-schema.ts";
import type { YamlPath } from "./yaml-source.ts";

type Checks = { readonly text: ConfigText; readonly report: ConfigReport; readonly now: number };

export function checkConfig(checks: Checks): void {
  checkNames(checks);
  checkSubmitters(checks);
  checkListener(checks);
  checkResolver(checks);
  checkWaiver(checks);
  checkDestinations(checks);
  checkDestinationTls(checks);
  checkDelivery(checks);
  checkMonitoring(checks);
  checkWebhook(checks);
  checkTlsReports(checks);
}

function checkNames({ text, report }: Checks): void {
  const each = (section: string, names: readonly { readonly path: YamlPath; readonly name: string }[]): void => {
    const seen = new Set<string>();
    for (const { path, name } of names) {
      if (seen.has(name)) report.error(path, `stands twice in ${section}; every name needs to be its own`);
      seen.add(name);
    }
  };
  each(
    "submitters",
    text.submitters.map((entry, i) => ({ path: ["submitters", i, "name"], name: entry.name })),
  );
  each(
    "own_domains",
    text.own_domains.map((name, i) => ({ path: ["own_domains", i], name })),
  );
  each(
    "dlp.packs",
    text.dlp.packs.map((name, i) => ({ path: ["dlp", "packs", i], name })),
  );
  each(
    "dlp.edm",
    text.dlp.edm.map(({ name }, i) => ({ path: ["dlp", "edm", i, "name"], name })),
  );
  each(
    "dns.servers",
    text.dns.servers.map((name, i) => ({ path: ["dns", "servers", i], name })),
  );
  each(
    "policy.destinations",
    text.policy.destinations.map((rule, i) => ({ path: ["policy", "destinations", i, "match"], name: rule.match })),
  );
  each(
    "dkim (domain and selector)",
    text.dkim.map((entry, i) => ({ path: ["dkim", i, "selector"], name: `${entry.domain} ${entry.selector}` })),
  );
  each(
    "delivery.smarthosts",
    text.delivery.smarthosts.flatMap((host, i) =>
      (host.domains ?? ["*"]).map((name, j) => ({ path: ["delivery", "smarthosts", i, "domains", j], name })),
    ),
  );
  text.submitters.forEach((entry, i) => {
    const users = entry.proof.auth?.users ?? [];
    each(
      "users",
      users.map((user, j) => ({ path: ["submitters", i, "proof", "auth", "users", j, "name"], name: user.name })),
    );
  });
}

/** Who may do without protection stands there by name, and says so by a tag that means nothing else. */
function checkWaiver({ text, report }: Checks): void {
  const { subject_tags: tags, senders } = text.dlp.waiver;
  const place = ["dlp", "waiver"];
  if (tags.length > 0 && senders.length === 0) {
    report.error([...place, "subject_tags"], "says how, and senders says nobody; name who may do without protection");
  }
  if (senders.length > 0 && tags.length === 0) {
    report.error([...place, "senders"], "says who, and subject_tags says no tag; give one, such as [no-phi]");
  }
  senders.forEach((sender, i) => {
    const pattern = readAddressPattern(sender);
    if (pattern === null) report.error([...place, "senders", i], NO_ADDRESS_PATTERN);
    else if (!namesSomebody(pattern)) {
      report.error([...place, "senders", i], "is nobody in particular; name an address or a domain of yours");
    }
  });
  const asking = new Set(text.dlp.subject_tags.map((tag) => tag.toLowerCase()));
  tags.forEach((tag, i) => {
    if (asking.has(tag.toLowerCase()))
      report.error([...place, "subject_tags", i], "asks for protection by subject_tags");
  });
}

function checkSubmitters({ text, report }: Checks): void {
  text.submitters.forEach((entry, i) => {
    const place: YamlPath = ["submitters", i];
    if (entry.proof.own_network === true) {
      entry.networks.forEach((network, j) => {
        if (overlapsSharedCloud([network]).length > 0) {
          const why = "overlaps the addresses of a cloud that many tenants share, where own_network proves nothing";
          report.error([...place, "networks", j], `${why}; use auth, client_certificate, header or dkim`);
        }
      });
    }
    const dkim = entry.proof.dkim;
    if (
      dkim !== undefined &&
      dkim.domains === undefined &&
      report.isSound("own_domains") &&
      text.own_domains.length === 0
    ) {
      report.error(
        [...place, "proof", "dkim"],
        "names no domains and own_domains is empty; nothing could ever be proved",
      );
    }
    if (
      entry.proof.client_certificate !== undefined &&
      report.isSound("listen") &&
      !text.listen.tls.request_client_certificate
    ) {
      report.error(
        [...place, "proof", "client_certificate"],
        "needs listen.tls.request_client_certificate: true, or no certificate is ever seen",
      );
    }
  });
}

function checkListener({ text, report }: Checks): void {
  if (!report.isSound("listen", "submitters")) return;
  if (text.submitters.length === 0) report.warn(["submitters"], "is empty: nobody may relay");
  const { listen } = text;
  const reachesOut = text.submitters.some((entry) => entry.networks.some((network) => !isLoopback(network)));
  if (!isLoopback(listen.address) && !reachesOut) {
    report.error(
      ["listen", "address"],
      "is reachable from elsewhere, but no submitter has a network beyond loopback; add one to submitters, or listen on 127.0.0.1",
    );
  }
  if (listen.connections_per_peer_max > listen.connections_max) {
    report.error(["listen", "connections_per_peer_max"], "is larger than listen.connections_max");
  }
}

const LOOPBACK = ["127.0.0.0/8", "::1/128"].map(parseNetwork).filter((network) => network !== null);

/** True when only this machine can have an address of the network. */
function isLoopback(text: string): boolean {
  const network = parseNetwork(text.replace(/^\[|\]$/g, ""));
  return network !== null && LOOPBACK.some((range) => overlaps(range, network) && network.prefix >= range.prefix);
}

/** Not an error: mail goes out without DANE too, only less well protected than the option makes believe. */
function checkResolver({ text, report }: Checks): void {
  const { servers, trust_ad: trustAd } = text.dns;
  if (chooseServers(servers, trustAd).isTrusted || trustAd === "never") return;
  report.warn(
    ["dns", "servers"],
    "no server is on a loopback address, so none is believed to validate and DANE is off; install unbound here, or set trust_ad: never",
  );
}

function checkDestinations({ text, report, now }: Checks): void {
  text.policy.destinations.forEach(({ lower_to: lowerTo, tls }, i) => {
    const rule: YamlPath = ["policy", "destinations", i];
    const ends = [
      { path: [...rule, "lower_to", "expires"], expires: lowerTo?.expires },
      { path: [...rule, "tls", "ignore_mta_sts", "expires"], expires: tls?.ignore_mta_sts?.expires },
    ];
    for (const { path, expires } of ends) {
      if (expires === undefined) continue;
      const expiresAt = endOfDay(expires);
      if (expiresAt <= now) report.error(path, "has passed; remove the rule, or renew it with a reason");
      else if (expiresAt - now < FOURTEEN_DAYS_MS) report.warn(path, "is less than 14 days away");
    }
  });
}

/** What is asked of connections that are never made, or of a resolver that is not believed, would be asked in vain. */
function checkDestinationTls({ text, report }: Checks): void {
  const { servers, trust_ad: trustAd } = text.dns;
  const isValidated = chooseServers(servers, trustAd).isTrusted;
  const places = [
    ...text.policy.destinations.map(({ tls }, i) => ({ place: ["policy", "destinations", i, "tls"], tls })),
    ...text.delivery.smarthosts.map(({ tls }, i) => ({ place: ["delivery", "smarthosts", i, "tls"], tls })),
  ];
  for (const { place, tls } of places) {
    if (tls?.require_dane !== true || isValidated || !report.isSound("dns")) continue;
    const why = "needs a resolver that validates, and none of dns.servers is believed to";
    report.error([...place, "require_dane"], `${why}; install unbound here, or take it out`);
  }
  const routed = text.delivery.smarthosts.flatMap(({ host, domains }) =>
    (domains ?? ["."]).map((match) => ({ match, host })),
  );
  text.policy.destinations.forEach(({ match, tls }, i) => {
    if (tls === undefined || !report.isSound("delivery")) return;
    const smarthost = findDestinationRule(routed, match) ?? routed.find((entry) => entry.match === ".");
    if (smarthost === undefined) return;
    const why = `is never looked at: mail to ${match} goes by the smarthost ${smarthost.host}`;
    report.error(["policy", "destinations", i, "tls"], `${why}; give tls to the smarthost, or route ${match} by MX`);
  });
}

export const FOURTEEN_DAYS_MS = 14 * 86_400_000;

/** The last millisecond of a date in UTC. */
export function endOfDay(date: string): number {
  return Date.parse(`${date}T23:59:59.999Z`);
}

function checkDelivery({ text, report }: Checks): void {
  const { delivery } = text;
  if (delivery.paused) report.warn(["delivery", "paused"], "is true: mail is taken and kept, nothing is sent");
  if (delivery.lane_connections_max > delivery.connections_max) {
    report.error(["delivery", "lane_connections_max"], "is larger than delivery.connections_max");
  }
  const lifetimeSeconds = delivery.retry.lifetime_hours * 3600;
  delivery.retry.schedule_seconds.forEach((seconds, i) => {
    if (seconds >= lifetimeSeconds) {
      report.error(["delivery", "retry", "schedule_seconds", i], "is not shorter than delivery.retry.lifetime_hours");
    }
  });
  delivery.retry.delay_notice_hours.forEach((hours, i, all) => {
    const path: YamlPath = ["delivery", "retry", "delay_notice_hours", i];
    if (hours >= delivery.retry.lifetime_hours) report.error(path, "is not shorter than delivery.retry.lifetime_hours");
    if (i > 0 && hours <= (all[i - 1] ?? 0)) report.error(path, "must grow from one notice to the next");
  });
}

/** What it answers names submitters and rules: nothing for strangers, and there is no password. */
function checkMonitoring({ text: { monitoring }, report }: Checks): void {
  if (isLoopback(monitoring.address) || monitoring.allow_remote) return;
  report.error(
    ["monitoring", "address"],
    "is reachable from elsewhere without a password; use 127.0.0.1, or set monitoring.allow_remote behind a firewall",
  );
}

/** What it carries names codes and ids: over the network only encrypted, and no password belongs into a URL. */
function checkWebhook({ text: { alerts }, report }: Checks): void {
  if (alerts.webhook === undefined) return;
  const place: YamlPath = ["alerts", "webhook", "url"];
  const url = URL.parse(alerts.webhook.url);
  const isHere = url !== null && (url.hostname === "localhost" || isLoopback(url.hostname));
  if (url === null || !(url.protocol === "https:" || (url.protocol === "http:" && isHere))) {
    report.error(place, "not a web hook: write https://…, or http:// to an address of this machine");
  } else if (url.username !== "" || url.password !== "") {
    report.error(place, "holds a user name or password; the receiver checks the signature made with secret instead");
  }
}

/** RFC 8460 section 3: receivers pass over reports by mail that their sender's domain did not sign. */
function checkTlsReports({ text, report }: Checks): void {
  if (!text.tls_reports.send || !report.isSound("dkim", "postmaster", "own_domains")) return;
  const domain = text.postmaster?.slice(text.postmaster.lastIndexOf("@") + 1) ?? text.own_domains[0];
  if (domain === undefined) return;
  if (text.dkim.some((key) => domain === key.domain || domain.endsWith(`.${key.domain}`))) return;
  report.warn(
    ["tls_reports", "send"],
    `is true, and no key in dkim signs for ${domain}, where reports come from: receivers pass over reports by mail without a signature`,
  );
}
