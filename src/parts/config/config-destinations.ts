/** `policy` and what is asked of connections, as read from postern.yaml: PEM files read, dates as times. */
import type { DestinationRule, Policy } from "../../core/policy.ts";
import type { TlsRule } from "../../core/tls-rule.ts";
import { readAddressPattern } from "../smtp/address-pattern.ts";
import { endOfDay } from "./config-checks.ts";
import { readCaFile } from "./config-files.ts";
import type { Files } from "./config-files.ts";
import type { ConfigText } from "./config-schema.ts";
import type { YamlPath } from "./yaml-source.ts";

type DestinationText = ConfigText["policy"]["destinations"][number];
type SmarthostText = ConfigText["delivery"]["smarthosts"][number];

/** A next hop in place of MX; `domains` null: for every destination. */
export type SmarthostConfig = {
  readonly domains: readonly string[] | null;
  readonly host: string;
  readonly port: number;
  readonly tls: TlsRule | null;
};

export function readPolicy({ policy, dlp }: ConfigText, files: Files): Policy {
  return {
    ...readWaiver(dlp.waiver),
    phi: policy.phi,
    sensitive: policy.sensitive,
    uninspectable: policy.uninspectable,
    alreadyProtected: policy.already_protected,
    keepProvenMs: policy.downgrade.keep_hours * 3_600_000,
    requireTls: policy.requiretls,
    destinations: policy.destinations.map((row, i) => readDestination(row, ["policy", "destinations", i], files)),
  };
}

/** Nobody may without a tag to say it. */
function readWaiver({ subject_tags: tags, senders, approval }: ConfigText["dlp"]["waiver"]): Pick<Policy, "waiver"> {
  const patterns = senders.flatMap((text) => readAddressPattern(text) ?? []);
  return tags.length === 0 ? {} : { waiver: { senders: patterns, needsApproval: approval } };
}

function readDestination(row: DestinationText, place: YamlPath, files: Files): DestinationRule {
  const { match, lower_to: lowerTo, tls } = row;
  const ignoreSts = tls?.ignore_mta_sts;
  return {
    match,
    raiseTo: row.raise_to ?? null,
    lowerTo:
      lowerTo === undefined
        ? null
        : { profile: lowerTo.profile, reason: lowerTo.reason, expiresAt: endOfDay(lowerTo.expires) },
    requireContentProtection: row.require_content_protection ?? false,
    fallback: row.fallback ?? "portal",
    requireTls: row.requiretls ?? null,
    ignoreSts: ignoreSts === undefined ? null : { reason: ignoreSts.reason, expiresAt: endOfDay(ignoreSts.expires) },
    tls:
      tls === undefined || Object.keys(tls).every((key) => key === "ignore_mta_sts")
        ? null
        : {
            ...readShown(tls, [...place, "tls"], files),
            of: match,
            mxNames: tls.mx_names ?? null,
            isHostGiven: false,
            certificateName: null,
          },
  };
}

export function readSmarthosts({ delivery }: ConfigText, files: Files): readonly SmarthostConfig[] {
  return delivery.smarthosts.map(({ domains, host, port, tls }: SmarthostText, i) => ({
    domains: domains ?? null,
    host,
    port,
    tls:
      tls === undefined
        ? null
        : {
            ...readShown(tls, ["delivery", "smarthosts", i, "tls"], files),
            of: `smarthost ${host}`,
            mxNames: null,
            isHostGiven: true,
            certificateName: tls.certificate_name ?? null,
          },
  }));
}

type ShownText = Pick<NonNullable<DestinationText["tls"]>, "ca_file" | "spki_pins" | "min_version" | "require_dane">;

function readShown(
  tls: ShownText,
  place: YamlPath,
  files: Files,
): Pick<TlsRule, "ca" | "spkiPins" | "minVersion" | "requireDane"> {
  return {
    ca: readCaFile(tls.ca_file, [...place, "ca_file"], files),
    spkiPins: tls.spki_pins ?? [],
    minVersion: tls.min_version ?? null,
    requireDane: tls.require_dane ?? false,
  };
}
