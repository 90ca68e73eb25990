/**
 * Translates the configuration into the options of each stage, so that no stage ever sees a Config. Pure; units change
 * here and nowhere else.
 */
import { createPrivateKey } from "node:crypto";
import { rootCertificates } from "node:tls";
import type { RetryOptions } from "./core/aftermath.ts";
import type { PressureLimits } from "./core/pressure.ts";
import type { Config } from "./parts/config/config.ts";
import type { DkimKey } from "./parts/dkim/sign.ts";
import type { ResolverOptions } from "./parts/dns/dns.ts";
import { isPublicAddress, mayDial } from "./parts/dns/address-guard.ts";
import type { MimeLimits } from "./parts/mime/mime-scanner.ts";
import { FETCH_DEFAULTS } from "./parts/sts/fetch-policy.ts";
import type { FetchOptions } from "./parts/sts/fetch-policy.ts";
import type { ReportFrom } from "./parts/tlsrpt/report.ts";
import { ACCEPT_LIMIT_DEFAULTS, proofHeaderNames } from "./stages/accept/options.ts";
import type { AcceptOptions, Submitter, TlsMaterial } from "./stages/accept/options.ts";
import { passwordOf } from "./stages/accept/password.ts";
import type { CheckpointOptions } from "./stages/audit/checkpoints.ts";
import { DELIVER_DEFAULTS } from "./stages/deliver/options.ts";
import type { DeliverOptions } from "./stages/deliver/options.ts";
import { DISCOVER_DEFAULTS } from "./stages/discover/options.ts";
import type { DiscoverOptions } from "./stages/discover/options.ts";
import { DEFAULT_INSPECT_OPTIONS } from "./stages/inspect/inspect-options.ts";
import type { ExtractionOptions } from "./parts/extraction/extraction.ts";
import type { InspectOptions } from "./stages/inspect/inspect-options.ts";
import type { ProtectOptions } from "./stages/protect/protect.ts";
import type { ReportOptions } from "./stages/protect/write-report.ts";
import type { SchedulerOptions } from "./stages/spool/scheduler.ts";
import type { TlsReportOptions } from "./tls-reports.ts";

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;

const HEADER_BYTES_MAX = ACCEPT_LIMIT_DEFAULTS.headerBytesMax;
const DNS_IN_FLIGHT_MAX = 200;
const REPORT_POST_TIMEOUT_MS = 30 * SECOND_MS;
const REQUOTE_BYTES_MAX = 16 * 1024 * 1024;

export function acceptOptions(config: Config): AcceptOptions {
  const { listen } = config;
  return {
    host: listen.address,
    port: listen.port,
    implicitTls: false,
    hostname: config.hostname,
    postmaster: config.postmaster,
    tls: tlsMaterial(config),
    requestClientCertificate: listen.tls.requestClientCertificate,
    plaintextNetworks: listen.plaintextNetworks,
    submitters: config.submitters.map(submitterOf),
    loopMarker: config.instanceId,
    offerRequireTls: true,
    limits: {
      ...ACCEPT_LIMIT_DEFAULTS,
      messageBytesMax: listen.sizeBytesMax,
      recipientsMax: listen.recipientsMax,
      hopsMax: listen.hopsMax,
      connectionsMax: listen.connectionsMax,
      connectionsPerPeerMax: listen.connectionsPerPeerMax,
      strangerConnectionsMax: listen.strangerConnectionsMax,
      commandsMax: listen.commandsMax,
      badCommandsMax: listen.badCommandsMax,
      badCommandsPerPeerMax: listen.badCommandsPerPeerMax,
      authFailuresMax: listen.authFailuresMax,
      authFailuresPerPeerMax: listen.authFailuresPerPeerMax,
      peerWindowMs: listen.peerWindowMinutes * MINUTE_MS,
      commandTimeoutMs: listen.commandTimeoutSeconds * SECOND_MS,
      handlerTimeoutMs: listen.storeTimeoutSeconds * SECOND_MS,
      pauseMsMax: config.pressure.pauseSecondsMax * SECOND_MS,
      dataBlockTimeoutMs: listen.dataTimeoutSeconds * SECOND_MS,
    },
  };
}

export function tlsMaterial({ listen: { tls } }: Config): TlsMaterial {
  return { certificate: tls.certificate, key: tls.key.text(), clientCa: tls.clientCa };
}

function submitterOf({ name, networks, proof }: Config["submitters"][number]): Submitter {
  switch (proof.kind) {
    case "auth": {
      const users = proof.users.map((user) => ({ name: user.name, password: passwordOf(user.password.text()) }));
      return { name, networks, proof: { kind: "auth", users } };
    }
    case "header":
      return { name, networks, proof: { kind: "header", name: proof.name, value: proof.value.text() } };
    default:
      return { name, networks, proof };
  }
}

export function mimeLimits(config: Config): MimeLimits {
  const { partsMax, depthMax } = config.dlp.budgets;
  return { partsMax, depthMax, headerBytesMax: HEADER_BYTES_MAX };
}

export function inspectOptions({ dlp, policy }: Config): InspectOptions {
  const { subjectTags, sensitivityValues, budgets, waiver, ocr } = dlp;
  const picturesMax = ocr.command.length === 0 ? 0 : ocr.picturesMax;
  return {
    ...DEFAULT_INSPECT_OPTIONS,
    ...budgets,
    subjectTags,
    sensitivityValues,
    waiverTags: waiver.subjectTags,
    waiverSenders: policy.waiver?.senders ?? [],
    picturesMax,
  };
}

export function extractionOptions({ dlp }: Config): ExtractionOptions {
  const { readersMax, readerMemoryBytesMax } = dlp.budgets;
  const { command, ...limits } = dlp.ocr;
  const [program, ...args] = command;
  return {
    readersMax,
    readerMemoryBytesMax,
    pictures: program === undefined ? null : { ...limits, command: [program, ...args] },
  };
}

export function resolverOptions({ dns }: Config): ResolverOptions {
  const { servers, timeoutMs, retries, trustAd } = dns;
  return { servers, timeoutMs, retries, trustAd, inFlightMax: DNS_IN_FLIGHT_MAX };
}

export function discoverOptions(config: Config): DiscoverOptions {
  return {
    ...DISCOVER_DEFAULTS,
    ownNames: [config.hostname, config.delivery.hostname],
    smarthosts: config.delivery.smarthosts,
    port: config.delivery.port,
  };
}

/** Policy hosts are dialled under the guard of mail servers. */
export function stsFetchOptions({ mtaSts, delivery }: Config): FetchOptions {
  const { port, ca } = mtaSts;
  const { allowPrivateDestinations } = delivery;
  return {
    ...FETCH_DEFAULTS,
    port,
    ca: ca === null ? null : [...rootCertificates, ca],
    mayDial: (address) => mayDial(address, { allowPrivateDestinations }),
  };
}

export function protectOptions(config: Config): ProtectOptions {
  return {
    hostname: config.hostname,
    instanceId: config.instanceId,
    dkim: config.dkim.map(({ domain, selector, key }): DkimKey => ({
      domain,
      selector,
      privateKey: createPrivateKey(key.text()),
    })),
    stripHeaders: [
      ...config.stripHeaders,
      "Sensitivity",
      ...HIDDEN_RECIPIENTS,
      ...proofHeaderNames(config.submitters.map(submitterOf)),
    ],
    subjectTags: [...config.dlp.subjectTags, ...config.dlp.waiver.subjectTags],
    tagHeader: config.dlp.tagHeader,
    headerBytesMax: HEADER_BYTES_MAX,
    requoteBytesMax: REQUOTE_BYTES_MAX,
  };
}

export function deliverOptions({ delivery }: Config): DeliverOptions {
  const commandMs = delivery.commandTimeoutSeconds * SECOND_MS;
  return {
    ...DELIVER_DEFAULTS,
    helo: delivery.hostname,
    port: delivery.port,
    allowPrivateDestinations: delivery.allowPrivateDestinations,
    fipsOnly: delivery.tls.fipsOnly,
    ca: delivery.tls.ca === null ? null : [...rootCertificates, delivery.tls.ca],
    connectionsMax: delivery.connectionsMax,
    laneWindowInitial: Math.min(DELIVER_DEFAULTS.laneWindowInitial, delivery.laneConnectionsMax),
    laneWindowMax: delivery.laneConnectionsMax,
    timeouts: {
      ...DELIVER_DEFAULTS.timeouts,
      dialMs: delivery.connectTimeoutSeconds * SECOND_MS,
      greetingMs: delivery.greetingTimeoutSeconds * SECOND_MS,
      ehloMs: commandMs,
      starttlsMs: Math.min(commandMs, DELIVER_DEFAULTS.timeouts.starttlsMs),
      handshakeMs: Math.min(commandMs, DELIVER_DEFAULTS.timeouts.handshakeMs),
      mailMs: commandMs,
      rcptMs: commandMs,
      dataMs: Math.min(commandMs, DELIVER_DEFAULTS.timeouts.dataMs),
      blockMs: delivery.dataTimeoutSeconds * SECOND_MS,
      dotMs: delivery.dotTimeoutSeconds * SECOND_MS,
    },
  };
}

/** Reports live as long as mail does; nobody is told when one is given up. */
export function reportOptions(config: Config): ReportOptions {
  return {
    hostname: config.hostname,
    from: config.postmaster,
    lifetimeMs: lifetimeMs(config),
    headerBytesMax: HEADER_BYTES_MAX,
  };
}

/** A Bcc that a client left in would show everybody who else got the mail (RFC 5322 section 3.6.3). */
const HIDDEN_RECIPIENTS: readonly string[] = ["Bcc", "Resent-Bcc"];

/** As whom TLS reports are sent. The mail's From is the postmaster, whose domain signs it. */
export function reportFrom({ tlsReports, postmaster, hostname, instanceId }: Config): ReportFrom {
  const { organization, contact } = tlsReports;
  const submitter = postmaster.slice(postmaster.lastIndexOf("@") + 1);
  return { organization, contact, submitter, hostname, instanceId, isPublic: isPublicAddress };
}

export function tlsReportOptions(config: Config): TlsReportOptions {
  const { ca, allowPrivateDestinations } = deliverOptions(config);
  return {
    from: reportFrom(config),
    postmaster: config.postmaster,
    ownDomains: config.ownDomains,
    post: { timeoutMs: REPORT_POST_TIMEOUT_MS, ca },
    mayDial: (address) => mayDial(address, { allowPrivateDestinations }),
  };
}

export function retryOptions({ delivery, hold }: Config): RetryOptions {
  const [first = MINUTE_MS / SECOND_MS, ...rest] = delivery.retry.scheduleSeconds;
  return {
    scheduleMs: [first * SECOND_MS, ...rest.map((seconds) => seconds * SECOND_MS)],
    jitterShare: delivery.retry.jitterPercent / 100,
    delayNoticesMs: delivery.retry.delayNoticeHours.map((hours) => hours * HOUR_MS),
    secureHoldMs: delivery.secureHoldMinutes * MINUTE_MS,
    ambiguousRetryMs: delivery.ambiguousRetryMinutes * MINUTE_MS,
    holdDeadlineMs: hold.deadlineHours * HOUR_MS,
  };
}

export function pressureLimits({ pressure }: Config): PressureLimits {
  const { stalledSeconds, pauseSecondsMax: _pause, ...limits } = pressure;
  return { ...limits, stalledMs: stalledSeconds * SECOND_MS };
}

export function requestMs({ review }: Config): number {
  return review.requestHours * HOUR_MS;
}

export function lifetimeMs({ delivery }: Config): number {
  return delivery.retry.lifetimeHours * HOUR_MS;
}

export function retentionMs({ retentionHours }: Config): number {
  return retentionHours * HOUR_MS;
}

export function checkpointOptions({ audit }: Config): CheckpointOptions {
  return { everyMs: audit.checkpointMinutes * MINUTE_MS, everyRows: audit.checkpointRows };
}

export function schedulerOptions(owner: string, config: Config): SchedulerOptions {
  const { recipientsPerTransactionMax, laneWindowInitial, connectionsMax } = deliverOptions(config);
  return {
    owner,
    leaseMs: 10 * MINUTE_MS,
    claimLimit: 200,
    inFlightRecipientsMax: 3_000,
    arrivalsShare: 1 / 4,
    laneShare: 1 / 4,
    senderShare: 1 / 4,
    recipientsPerDelivery: 20,
    windowInitial: laneWindowInitial,
    perLaneMax: recipientsPerTransactionMax,
    perUnknownLaneMax: laneWindowInitial,
    unknownMax: connectionsMax,
    unknownMs: 30 * SECOND_MS,
    unknownShare: 3 / 4,
    pollMsMax: 5 * SECOND_MS,
    blockedMs: 250,
    gatherMs: 20,
    claimDuty: 1 / 20,
    quietMs: SECOND_MS,
    retry: retryOptions(config),
    portionMax: { quiet: 20, beside: 8 },
    portionPauseMs: 10,
    portionDuty: 1 / 20,
    lookMs: 500,
  };
}
