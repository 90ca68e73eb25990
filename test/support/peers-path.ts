/**
 * The whole path with a real mail server on either side: Postfix A relays to Postern, Postern delivers to Postfix B.
 * A trusts only the gateway's certificate; B stands behind several names that differ in what they offer, and keeps what it
 * takes in one maildir. B also is the MX of the senders' domain, so that reports come home to it.
 */
import { submit } from "../../src/cli/loopback/submit.ts";
import type { Answer, Handed } from "../../src/cli/loopback/submit.ts";
import { issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import { startGreylist } from "./peers-greylist.ts";
import type { Greylist } from "./peers-greylist.ts";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { Postfix } from "./peers-postfix.ts";
import type { PostfixDelivery, PostfixOptions } from "./peers-postfix.ts";
import { eventually, World } from "./world.ts";

const DAY_MS = 86_400_000;

type Face = {
  readonly domain: string;
  readonly address: string;
  readonly settings?: Readonly<Record<string, string>>;
  readonly isSelfSigned?: true;
};

/** Each domain has the MX `mx.<domain>`; what that one does otherwise. */
const FACES: readonly Face[] = [
  { domain: "verified.test", address: "127.0.21.2" },
  {
    domain: "sevenbit.test",
    address: "127.0.21.3",
    settings: { smtpd_discard_ehlo_keywords: "8bitmime, smtputf8, chunking" },
  },
  { domain: "clear.test", address: "127.0.21.4", settings: { smtpd_tls_security_level: "none" } },
  { domain: "silent.test", address: "127.0.21.5", settings: { smtpd_discard_ehlo_keywords: "dsn, pipelining" } },
  { domain: "tiny.test", address: "127.0.21.6", settings: { message_size_limit: "20000" } },
  {
    domain: "selfsigned.test",
    address: "127.0.21.7",
    settings: { smtpd_tls_security_level: "encrypt" },
    isSelfSigned: true,
  },
];

/** Nobody listens at the MX of this domain until a test starts a server there. */
export const LATE = { domain: "late.test", address: "127.0.21.8" } as const;

const DOMAINS = [...FACES.map(({ domain }) => domain), "clinic.test"];

/** Lookup tables: who has a mailbox, and which subjects are refused once the message was sent, in words that repeat them. */
const TABLES = {
  boxes: "if !/^nobody@/\n/^.+@.+$/ box/\nendif\n",
  subjects: "/^Subject: (.*unwanted.*)/ REJECT I do not want $1\n",
};

export type RelayPathOptions = {
  /** Laid over Postern's configuration. */
  readonly config?: Readonly<Record<string, unknown>>;
  /** Laid over main.cf of Postfix A. */
  readonly front?: Pick<PostfixOptions, "settings" | "files">;
};

export class RelayPath {
  readonly world: World;
  readonly front: Postfix;
  readonly behind: Postfix;
  readonly greylist: Greylist;
  readonly #frontPort: number;

  private constructor(parts: {
    readonly world: World;
    readonly front: Postfix;
    readonly behind: Postfix;
    readonly greylist: Greylist;
    readonly frontPort: number;
  }) {
    this.world = parts.world;
    this.front = parts.front;
    this.behind = parts.behind;
    this.greylist = parts.greylist;
    this.#frontPort = parts.frontPort;
  }

  static async start({ config = {}, front: frontOptions }: RelayPathOptions = {}): Promise<RelayPath> {
    const zone = Object.fromEntries(
      [...FACES, LATE].flatMap(({ domain, address }) => [
        [domain, { MX: [[10, `mx.${domain}`] as const] }],
        [`mx.${domain}`, { A: [address] }],
      ]),
    );
    const world = await World.start({
      zone: { ...zone, "clinic.test": { MX: [[10, "mx.verified.test"]] } },
      // Its port is the one Postern delivers to, on Postfix B's addresses as well.
      servers: [{ name: "mx.other.test", address: "127.0.21.9", certificate: "valid" }],
      config,
    });
    const greylist = await startGreylist();
    const behind = await startBehind(world, greylist);
    const frontPort = await freePort("127.0.21.1");
    const front = await startFront(world, frontPort, frontOptions);
    return new RelayPath({ world, front, behind, greylist, frontPort });
  }

  /** Hands a message to Postfix A by SMTP and fails where A does not take all of it. */
  async send(message: Handed): Promise<Answer> {
    const hand = { host: "127.0.21.1", port: this.#frontPort, ca: null, serverName: "", starttls: false };
    const answer = await submit(hand, message);
    if (answer.code !== 250) throw new Error(`Postfix A answered ${answer.code}: ${answer.text}`);
    return answer;
  }

  /** Waits until Postfix B delivered that many messages to the address. */
  async arrived(address: string, count = 1): Promise<readonly [PostfixDelivery, ...PostfixDelivery[]]> {
    return eventually(async () => {
      const [first, ...more] = this.behind.deliveriesTo(address);
      return first !== undefined && more.length + 1 >= count ? [first, ...more] : null;
    });
  }

  async close(): Promise<void> {
    await Promise.all([this.front.stop(), this.behind.stop()]);
    await this.greylist.close();
    await this.world.close();
  }
}

/** Sends everything to the gateway, under TLS with its certificate checked. */
function startFront(world: World, port: number, more?: RelayPathOptions["front"]): Promise<Postfix> {
  const { host, port: gatewayPort } = world.postern.address();
  return Postfix.start({
    name: "mail.clinic.test",
    listeners: [{ address: "127.0.21.1", port }],
    settings: {
      mynetworks: "127.0.0.0/8",
      smtpd_relay_restrictions: "permit_mynetworks, reject",
      relayhost: `[${host}]:${gatewayPort}`,
      transport_maps: "texthash:$config_directory/transport",
      smtp_tls_security_level: "secure",
      smtp_tls_CAfile: "$config_directory/ca.pem",
      smtp_tls_secure_cert_match: "gateway.clinic.test",
      smtp_tls_loglevel: "1",
      smtp_destination_recipient_limit: "1000",
      ...more?.settings,
    },
    files: { "ca.pem": world.internet.ca, transport: "broken.test error:5.1.2 no such domain here\n", ...more?.files },
  });
}

async function startBehind(world: World, greylist: Greylist): Promise<Postfix> {
  const chains = await Promise.all(FACES.map(async (face) => [chainFile(face), await chainOf(world, face)] as const));
  return Postfix.start({
    name: "mx.behind.test",
    listeners: FACES.map((face) => ({
      address: face.address,
      port: world.internet.port,
      settings: {
        myhostname: `mx.${face.domain}`,
        smtpd_tls_chain_files: `$config_directory/${chainFile(face)}`,
        ...face.settings,
      },
    })),
    settings: {
      ...STRICT,
      ...receives(DOMAINS),
      smtpd_recipient_restrictions: `check_policy_service ${greylist.service}`,
    },
    files: { ...TABLES, ...Object.fromEntries(chains) },
  });
}

/** A server for `late.test`, in the clear. */
export function startLate(world: World): Promise<Postfix> {
  return Postfix.start({
    name: `mx.${LATE.domain}`,
    listeners: [{ address: LATE.address, port: world.internet.port }],
    settings: { ...STRICT, ...receives([LATE.domain]), smtpd_tls_security_level: "none" },
    files: TABLES,
  });
}

/** A client that bends a rule is refused: no CR LF, pipelining not offered or too early, no lawful name, no brackets. */
const STRICT = {
  smtpd_forbid_bare_newline: "yes",
  smtpd_forbid_bare_newline_exclusions: "",
  smtpd_forbid_unauth_pipelining: "yes",
  smtpd_helo_required: "yes",
  smtpd_helo_restrictions: "reject_invalid_helo_hostname, reject_non_fqdn_helo_hostname",
  strict_rfc821_envelopes: "yes",
  smtpd_data_restrictions: "reject_unauth_pipelining, reject_multi_recipient_bounce",
};

function receives(domains: readonly string[]): Readonly<Record<string, string>> {
  return {
    mynetworks: "",
    smtpd_relay_restrictions: "reject_unauth_destination",
    smtpd_tls_security_level: "may",
    virtual_mailbox_domains: domains.join(", "),
    virtual_mailbox_maps: "regexp:$config_directory/boxes",
    header_checks: "regexp:$config_directory/subjects",
  };
}

function chainFile({ domain }: Face): string {
  return `${domain}.key`;
}

async function chainOf(world: World, { domain, isSelfSigned }: Face): Promise<string> {
  const name = `mx.${domain}`;
  const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
  const { keyPem, certPem } =
    isSelfSigned === true
      ? await issueServerCertificate({ ...validity, commonName: name, dnsNames: [name], issuer: "self" })
      : await world.internet.issue(name);
  return keyPem + certPem;
}
