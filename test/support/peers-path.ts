/**
 * The whole path with a real mail server on either side: Postfix A relays to Postern, Postern delivers to Postfix B.
 * A trusts only the gateway's certificate; B stands behind several names that differ in what they offer, and keeps what it
 * takes in one maildir. B also is the MX of the senders' domain, so that reports come home to it.
 */
import { submit } from "../../src/cli/loopback/submit.ts";
import type { Answer, Handed } from "../../src/cli/loopback/submit.ts";
import { startGreylist } from "./peers-greylist.ts";
import type { Greylist } from "./peers-greylist.ts";
import { freePort } from "./peers.ts";
import { Postfix } from "./peers-postfix.ts";
import type { PostfixDelivery } from "./peers-postfix.ts";
import { eventually, World } from "./world.ts";

/** Domain, its MX host and address, and what that host leaves out. */
const FACES = [
  { domain: "verified.test", host: "mx.verified.test", address: "127.0.21.2", settings: {} },
  {
    domain: "sevenbit.test",
    host: "mx.sevenbit.test",
    address: "127.0.21.3",
    settings: { smtpd_discard_ehlo_keywords: "8bitmime, smtputf8, chunking" },
  },
  {
    domain: "clear.test",
    host: "mx.clear.test",
    address: "127.0.21.4",
    settings: { smtpd_tls_security_level: "none" },
  },
] as const;

const BOXES = `if !/^nobody@/
/@(verified|sevenbit|clear|clinic)\\.test$/ box/
endif
`;

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

  static async start(config: Readonly<Record<string, unknown>> = {}): Promise<RelayPath> {
    const zone = Object.fromEntries(
      FACES.flatMap(({ domain, host, address }) => [
        [domain, { MX: [[10, host] as const] }],
        [host, { A: [address] }],
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
    const front = await startFront(world, frontPort);
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
function startFront(world: World, port: number): Promise<Postfix> {
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
    },
    files: { "ca.pem": world.internet.ca, transport: "broken.test error:5.1.2 no such domain here\n" },
  });
}

async function startBehind(world: World, greylist: Greylist): Promise<Postfix> {
  const chains = await Promise.all(
    FACES.map(async ({ host }) => {
      const { keyPem, certPem } = await world.internet.issue(host);
      return [`${host}.key`, keyPem + certPem] as const;
    }),
  );
  return Postfix.start({
    name: "mx.behind.test",
    listeners: FACES.map(({ host, address, settings }) => ({
      address,
      port: world.internet.port,
      settings: { myhostname: host, smtpd_tls_chain_files: `$config_directory/${host}.key`, ...settings },
    })),
    settings: {
      mynetworks: "",
      smtpd_relay_restrictions: "reject_unauth_destination",
      smtpd_recipient_restrictions: `check_policy_service ${greylist.service}`,
      smtpd_tls_security_level: "may",
      // What Postern sends has CR LF at every line, or is refused.
      smtpd_forbid_bare_newline: "yes",
      smtpd_forbid_bare_newline_exclusions: "",
      virtual_mailbox_domains: "verified.test, sevenbit.test, clear.test, clinic.test",
      virtual_mailbox_maps: "regexp:$config_directory/boxes",
    },
    files: { boxes: BOXES, ...Object.fromEntries(chains) },
  });
}
