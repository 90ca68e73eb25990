/**
 * The shape of postern.yaml: every key, its limits and its default. Units stand in the names.
 * Promises: strict (an unknown key is an error), pure, and the only list of options; config/postern.yaml and the JSON
 * Schema for editors are tested against it. Leaves files, secrets and checks across sections to config.ts.
 */
import { isIP } from "node:net";
import { z } from "zod";
import { PROFILES, REQUIRETLS_WISHES } from "../../core/policy.ts";
import { ROLES } from "../../core/roles.ts";
import { parseServerAddress } from "../dns/server-address.ts";
import { parseMailbox } from "../smtp/mailbox.ts";
import { parseNetwork } from "../smtp/network.ts";
import { destination, smarthostTls } from "./destination-schema.ts";
import { SECRET_REFERENCE } from "./secret.ts";

const DOMAIN = /^(?=.{1,253}$)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)+$/;
/** RFC 6376 section 3.1. */
const SELECTOR = /^(?=.{1,63}$)[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*$/i;
const HEADER_NAME = /^[!-9;-~]{1,76}$/;

const domain = z.string().regex(DOMAIN, "not a domain name: lower case, ASCII (A-label), at least one dot");
const network = z
  .string()
  .refine((text) => parseNetwork(text) !== null, "not a network: an address such as 192.0.2.1 or a range 192.0.2.0/24");
const secret = z
  .string()
  .regex(SECRET_REFERENCE, "not a reference: write file:PATH, credential:NAME or env:NAME, never the secret itself");
const path = z.string().min(1).max(4096);
const port = z.int().min(1).max(65_535);
const name = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "not a name: lower case letters, digits and hyphens, at most 63");
const headerName = z.string().regex(HEADER_NAME, "not a header name (RFC 5322 section 2.2)");

/** What parts/dns can use. */
function isServer(text: string): boolean {
  try {
    return parseServerAddress(text).port > 0;
  } catch {
    // The reader says why by throwing; here only that it is none matters.
    return false;
  }
}

/** Bounded whole number with its default. */
const whole = (min: number, max: number, initial: number) => z.int().min(min).max(max).default(initial);

/** Floors that may be asked for mail that needs protection: none of them allows the clear. */
const floor = z.enum(["minimum", "standard", "strict", "content"]);
const anyFloor = z.enum(PROFILES).exclude(["portal"]);

const listen = z.strictObject({
  address: z
    .string()
    .refine((text) => isIP(text) !== 0, "not an IP address")
    .default("127.0.0.1"),
  port: port.default(2525),
  tls: z
    .strictObject({
      certificate: secret.default("file:certs/smtp.pem"),
      key: secret.default("file:certs/smtp.key"),
      request_client_certificate: z.boolean().default(false),
      client_ca_file: path.optional(),
    })
    .prefault({}),
  size_bytes_max: whole(65_536, 1_073_741_824, 157_286_400),
  recipients_max: whole(100, 10_000, 1000),
  connections_max: whole(1, 10_000, 500),
  connections_per_peer_max: whole(1, 10_000, 100),
  stranger_connections_max: whole(1, 10_000, 50),
  commands_max: whole(100, 10_000_000, 100_000),
  bad_commands_max: whole(1, 1000, 20),
  bad_commands_per_peer_max: whole(1, 1_000_000, 500),
  auth_failures_max: whole(1, 100, 3),
  auth_failures_per_peer_max: whole(1, 1_000_000, 30),
  peer_window_minutes: whole(1, 1440, 10),
  hops_max: whole(5, 100, 30),
  command_timeout_seconds: whole(1, 3600, 300),
  data_timeout_seconds: whole(1, 3600, 180),
  store_timeout_seconds: whole(1, 540, 240),
  plaintext_networks: z.array(network).max(1000).default([]),
});

const proof = z
  .strictObject({
    auth: z
      .strictObject({
        users: z
          .array(z.strictObject({ name: z.string().min(1).max(255), password: secret }))
          .min(1)
          .max(1000),
      })
      .optional(),
    client_certificate: z.strictObject({ names: z.array(domain).min(1).max(1000) }).optional(),
    header: z.strictObject({ name: headerName, value: z.string().min(8).max(4096) }).optional(),
    dkim: z.strictObject({ domains: z.array(domain).max(10_000).optional() }).optional(),
    own_network: z.literal(true).optional(),
  })
  .refine((given) => Object.values(given).filter((value) => value !== undefined).length === 1, {
    error: "give exactly one of auth, client_certificate, header, dkim, own_network",
  });

const submitter = z.strictObject({
  name,
  networks: z.array(network).min(1).max(10_000),
  proof,
});

const dns = z.strictObject({
  servers: z
    .array(z.string().refine(isServer, "not a server: write 127.0.0.1:53 or [::1]:53"))
    .min(1)
    .max(8)
    .default(["127.0.0.1:53"]),
  timeout_ms: whole(10, 60_000, 5000),
  retries: whole(0, 10, 2),
  trust_ad: z.enum(["loopback", "never", "always"]).default("loopback"),
  signed_name: z
    .string()
    .refine((text) => text === "." || DOMAIN.test(text), "not a name: write . for the root, or a domain in lower case")
    .default("."),
});

const policy = z.strictObject({
  phi: floor.default("standard"),
  sensitive: floor.default("content"),
  uninspectable: floor.default("standard"),
  already_protected: anyFloor.default("opportunistic"),
  requiretls: z.enum(REQUIRETLS_WISHES).default("off"),
  destinations: z.array(destination).max(10_000).default([]),
  downgrade: z.strictObject({ keep_hours: whole(0, 8760, 24) }).prefault({}),
});

const mailbox = z
  .string()
  .max(320)
  .refine((text) => parseMailbox(text).kind !== "bad", "not an address: write operator@example.org");

const dlp = z.strictObject({
  packs: z.array(path).max(100).default(["dlp/us-hipaa.yaml"]),
  subject_tags: z.array(z.string().min(2).max(64)).max(20).default(["[secure]"]),
  sensitivity_values: z
    .array(z.string().min(2).max(64))
    .max(20)
    .default(["personal", "private", "company-confidential"]),
  waiver: z
    .strictObject({
      subject_tags: z.array(z.string().min(3).max(64)).max(20).default([]),
      senders: z.array(z.string().min(1).max(320)).max(1000).default([]),
      approval: z.boolean().default(true),
    })
    .prefault({}),
  tag_header: z
    .string()
    .regex(
      /^X-[A-Za-z0-9](?:[A-Za-z0-9-]{0,60}[A-Za-z0-9])?$/,
      "a field name that begins with X-, such as X-Postern-Tag",
    )
    .default("X-Postern-Tag"),
  copy_to: z.array(mailbox).max(20).default([]),
  notify: z.array(mailbox).max(20).default([]),
  notices_per_hour_max: whole(1, 10_000, 20),
  edm: z
    .array(z.strictObject({ name, file: path, key: secret }))
    .max(16)
    .default([]),
  budgets: z
    .strictObject({
      text_chars_max: whole(65_536, 134_217_728, 8_388_608),
      part_bytes_max: whole(65_536, 268_435_456, 16_777_216),
      parts_max: whole(10, 10_000, 1000),
      depth_max: whole(2, 100, 20),
      inline_image_bytes_max: whole(0, 1_048_576, 32_768),
      time_ms_max: whole(100, 600_000, 5000),
      findings_max: whole(10, 10_000, 100),
      attachment_time_ms_max: whole(100, 600_000, 10_000),
      archive_entries_max: whole(10, 100_000, 1000),
      archive_depth_max: whole(1, 20, 4),
      inflated_bytes_max: whole(1_048_576, 2_147_483_648, 104_857_600),
      inflate_ratio_max: whole(10, 1100, 200),
      pdf_pages_max: whole(1, 100_000, 1000),
      readers_max: whole(1, 64, 2),
      reader_memory_bytes_max: whole(134_217_728, 4_294_967_296, 402_653_184),
    })
    .prefault({}),
  ocr: z
    .strictObject({
      command: z.array(z.string().min(1).max(500)).max(50).default([]),
      data_dir: path.nullable().default(null),
      pictures_max: whole(1, 1000, 20),
      pixels_max: whole(10_000, 200_000_000, 30_000_000),
      time_ms_max: whole(100, 600_000, 20_000),
      memory_bytes_max: whole(67_108_864, 8_589_934_592, 1_073_741_824),
      processes_max: whole(1, 64, 1),
    })
    .prefault({}),
});

const smarthost = z.strictObject({
  domains: z
    .array(z.string().regex(/^\.?[a-z0-9-]+(?:\.[a-z0-9-]+)*$/, "not a domain"))
    .min(1)
    .max(10_000)
    .optional(),
  host: z.string().min(1).max(253),
  port: port.default(25),
  tls: smarthostTls.optional(),
});

const mtaSts = z.strictObject({ port: port.default(443), ca_file: path.optional() });

const delivery = z.strictObject({
  port: port.default(25),
  hostname: domain.optional(),
  smarthosts: z.array(smarthost).max(1000).default([]),
  tls: z.strictObject({ ca_file: path.optional(), fips_only: z.boolean().default(false) }).prefault({}),
  paused: z.boolean().default(false),
  connections_max: whole(1, 10_000, 200),
  lane_connections_max: whole(1, 100, 20),
  connect_timeout_seconds: whole(1, 600, 30),
  greeting_timeout_seconds: whole(1, 3600, 300),
  command_timeout_seconds: whole(1, 3600, 300),
  data_timeout_seconds: whole(1, 3600, 180),
  dot_timeout_seconds: whole(1, 3600, 600),
  retry: z
    .strictObject({
      schedule_seconds: z
        .array(z.int().min(1).max(86_400))
        .min(1)
        .max(100)
        .default([60, 300, 900, 1800, 3600, 7200, 14_400]),
      jitter_percent: whole(0, 50, 20),
      lifetime_hours: whole(1, 240, 48),
      delay_notice_hours: z.array(z.int().min(1).max(240)).max(5).default([1, 24]),
    })
    .prefault({}),
  secure_hold_minutes: whole(0, 1440, 30),
  ambiguous_retry_minutes: whole(1, 1440, 15),
  allow_private_destinations: z.boolean().default(false),
});

/** An account by name, or by number where a directory service knows it and /etc/passwd does not. */
const account = z.union([
  z.string().regex(/^[A-Za-z0-9_][A-Za-z0-9_.@\\-]{0,63}$/, "not the name of a user or group"),
  z.int().min(0).max(4_294_967_294),
]);
const grant = z
  .strictObject({
    role: z.enum(ROLES),
    users: z.array(account).max(1000).default([]),
    groups: z.array(account).max(1000).default([]),
  })
  .refine(({ users, groups }) => users.length + groups.length > 0, "names nobody: give users or groups");
const audit = z.strictObject({
  checkpoint_minutes: whole(1, 1440, 10),
  checkpoint_rows: whole(10, 1_000_000, 10_000),
  checkpoint_file: path.optional(),
  previous_keys: z.array(z.string().min(1).max(1000)).max(100).default([]),
  retention_days: whole(0, 36_500, 2192),
  archive_dir: path.optional(),
});

const review = z.strictObject({
  four_eyes: z.enum(["off", "release", "all"]).default("off"),
  request_hours: whole(1, 720, 24),
});

const hold = z.strictObject({ deadline_hours: whole(1, 720, 72) });

const monitoring = z.strictObject({
  address: z
    .string()
    .refine((text) => isIP(text) !== 0, "not an IP address")
    .default("127.0.0.1"),
  port: port.optional(),
  allow_remote: z.boolean().default(false),
});

const alerts = z.strictObject({
  mail: z.array(mailbox).max(20).default([]),
  webhook: z.strictObject({ url: z.string().min(10).max(2048), secret, ca_file: path.optional() }).optional(),
  repeat_minutes: whole(1, 10_080, 240),
  queue_stalled_minutes: whole(1, 1440, 30),
  held_deadline_hours: whole(1, 720, 24),
  certificate_days: whole(1, 90, 14),
  edm_index_days: whole(1, 3650, 7),
  disk_full_hours: whole(1, 168, 12),
  writer_seconds: whole(1, 60, 5),
  auth_failures: whole(1, 100_000, 50),
  volume: z
    .strictObject({
      factor: whole(2, 1000, 4),
      messages_min: whole(1, 1_000_000, 200),
      recipients_min: whole(1, 10_000_000, 1000),
      phi_min: whole(1, 1_000_000, 50),
    })
    .prefault({}),
});

const tlsReports = z.strictObject({
  send: z.boolean().default(false),
  contact: mailbox.optional(),
  organization: z
    .string()
    .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]{1,200}$/u, "not a name: one line of at most 200 characters")
    .optional(),
});

const pressure = z.strictObject({
  disk_free_percent_min: whole(0, 90, 5),
  disk_free_bytes_min: whole(0, 1_099_511_627_776, 1_073_741_824),
  disk_reserve_bytes: whole(0, 1_099_511_627_776, 67_108_864),
  inodes_free_percent_min: whole(0, 90, 5),
  queue_recipients_max: whole(1, 100_000_000, 2_000_000),
  queue_bytes_max: whole(1_048_576, 1_125_899_906_842_624, 107_374_182_400),
  commit_waiting_max: whole(1, 1_000_000, 2000),
  commit_age_ms_max: whole(10, 60_000, 1000),
  stalled_seconds: whole(1, 600, 30),
  pause_seconds_max: whole(1, 170, 120),
});

export const configSchema = z.strictObject({
  version: z.literal(1),
  hostname: domain.optional(),
  instance_id: name.optional(),
  data_dir: path.default("/var/lib/postern"),
  postmaster: z
    .string()
    .regex(/^[A-Za-z0-9._+-]{1,64}@[a-z0-9.-]{3,253}$/, "not an address: write postmaster@example.org")
    .optional(),
  own_domains: z.array(domain).max(10_000).default([]),
  listen: listen.prefault({}),
  submitters: z
    .array(submitter)
    .max(1000)
    .default([{ name: "local", networks: ["127.0.0.0/8", "::1/128"], proof: { own_network: true } }]),
  keys: z
    .strictObject({
      spool: secret.default("file:keys/spool.key"),
      addresses: secret.default("file:keys/addresses.key"),
      previous: z
        .strictObject({
          spool: z.array(secret).max(20).default([]),
          addresses: z.array(secret).max(20).default([]),
        })
        .prefault({}),
      audit: secret.optional(),
    })
    .prefault({}),
  dns: dns.prefault({}),
  policy: policy.prefault({}),
  dlp: dlp.prefault({}),
  delivery: delivery.prefault({}),
  mta_sts: mtaSts.prefault({}),
  hold: hold.prefault({}),
  review: review.prefault({}),
  monitoring: monitoring.prefault({}),
  alerts: alerts.prefault({}),
  tls_reports: tlsReports.prefault({}),
  pressure: pressure.prefault({}),
  dkim: z
    .array(
      z.strictObject({
        domain,
        selector: z
          .string()
          .regex(SELECTOR, "not a selector: letters and digits, between them hyphens and dots, at most 63"),
        key: secret,
      }),
    )
    .max(10_000)
    .default([]),
  strip_headers: z.array(headerName).max(100).default([]),
  log: z.strictObject({ level: z.enum(["debug", "info", "warn", "error"]).default("info") }).prefault({}),
  control: z
    .strictObject({ socket: path.default("/run/postern/control.sock"), group: account.optional() })
    .prefault({}),
  roles: z.array(grant).max(100).default([]),
  audit: audit.prefault({}),
  retention_hours: whole(1, 87_600, 168),
});

/** As written in postern.yaml, with the defaults filled in. */
export type ConfigText = z.output<typeof configSchema>;

/** JSON Schema (draft 2020-12) of postern.yaml, for editors: `postern config schema`. */
export function configJsonSchema(): Readonly<Record<string, unknown>> {
  return { title: "postern.yaml", ...z.toJSONSchema(configSchema, { io: "input", unrepresentable: "any" }) };
}
