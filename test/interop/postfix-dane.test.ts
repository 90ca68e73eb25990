/**
 * Postfix as the mail server of a domain that publishes TLSA records for it: what the gateway proves of a TLS stack and a mail server of others,
 * from end to end under the strictest floor.
 */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { issueAuthority, issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import type { AttemptFacts } from "../../src/core/outcome.ts";
import { recordText } from "../support/dane-rig.ts";
import { protectedMail, quiet, standing } from "../support/never-clear-run.ts";
import { Postfix } from "../support/peers-postfix.ts";
import { peers } from "../support/peers.ts";
import { eventually, World } from "../support/world.ts";

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
const postfix = peers("postfix");

/** Each has a Postfix of its own name; `of` is whose certificate the record names. */
const SIDES = [
  { domain: "leaf.test", address: "127.0.23.1", record: "3 1 1", of: "own" },
  { domain: "authority.test", address: "127.0.23.2", record: "2 0 1", of: "issuer" },
  { domain: "rolled.test", address: "127.0.23.3", record: "3 1 1", of: "other" },
  { domain: "foreign.test", address: "127.0.23.4", record: "2 0 1", of: "other" },
] as const;
type Side = (typeof SIDES)[number];

describe.skipIf(postfix.areMissing)(`a Postfix with TLSA records${postfix.note}`, () => {
  let world: World;
  let server: Postfix;
  const certificates = new Map<string, Readonly<Record<Side["of"], string>>>();
  beforeAll(async () => {
    const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
    const [issuer, other] = [
      await issueAuthority({ ...validity, commonName: "Authority in DNS" }),
      await issueAuthority({ ...validity, commonName: "Another" }),
    ];
    const files: Record<string, string> = {};
    for (const { domain } of SIDES) {
      const own = await issueServerCertificate({ ...validity, commonName: domain, dnsNames: [`mx.${domain}`], issuer });
      files[`${domain}.key`] = own.keyPem + own.certPem + issuer.certPem;
      certificates.set(domain, { own: own.certPem, issuer: issuer.certPem, other: other.certPem });
    }
    world = await startWorld();
    server = await Postfix.start({
      name: "mx.dane.test",
      listeners: SIDES.map(({ domain, address }) => ({
        address,
        port: world.internet.port,
        settings: { myhostname: `mx.${domain}`, smtpd_tls_chain_files: `$config_directory/${domain}.key` },
      })),
      settings: {
        mynetworks: "",
        smtpd_relay_restrictions: "reject_unauth_destination",
        smtpd_tls_security_level: "encrypt",
        smtpd_tls_loglevel: "1",
        virtual_mailbox_domains: SIDES.map(({ domain }) => domain).join(", "),
        virtual_mailbox_maps: "regexp:$config_directory/boxes",
      },
      files: { ...files, boxes: "/^.+@.+$/ box/\n" },
    });
    for (const side of SIDES) publish(side, side.of);
  }, 60_000);
  afterAll(async () => {
    await server.stop();
    await world.close();
  });

  function startWorld(): Promise<World> {
    const signed = { authenticated: true } as const;
    const zone = SIDES.flatMap(({ domain, address }) => [
      [domain, { MX: [[10, `mx.${domain}`] as const], ...signed }] as const,
      [`mx.${domain}`, { A: [address], ...signed }] as const,
    ]);
    return World.start({
      zone: Object.fromEntries(zone),
      // Its port is the one Postern delivers to, on Postfix's addresses as well.
      servers: [{ name: "mx.port.test", address: "127.0.23.9", certificate: "none" }],
      config: { dns: { trust_ad: "loopback" }, policy: { phi: "strict" } },
    });
  }

  function publish({ domain, record }: Side, of: Side["of"]): void {
    const TLSA = [recordText(record, certificates.get(domain)?.[of] ?? "")];
    world.internet.dns.setRecord(`_${world.internet.port}._tcp.mx.${domain}`, { TLSA, authenticated: true });
  }

  async function sendTo({ domain }: Side): Promise<string> {
    const recipient = `canary@${domain}`;
    const bytes = protectedMail("phi", { canary: "canary-phi", sender: "nurse@clinic.test", recipient });
    const id = await world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [recipient], bytes });
    await quiet(world);
    return id;
  }

  async function attemptsOf(id: string): Promise<readonly AttemptFacts[]> {
    const rows = await world.audit(id);
    return rows.flatMap(({ event }) => (event.kind === "attempt" ? [event.attempt] : []));
  }

  /** Postfix takes a while from its queue to the mailbox. */
  function arrivedAt({ domain }: Side): Promise<number> {
    return eventually(async () => server.deliveriesTo(`canary@${domain}`).length || null);
  }

  test.each(SIDES.filter(({ of }) => of !== "other"))(
    "takes mail for $domain, whose record $record names it",
    async (side) => {
      const id = await sendTo(side);
      expect(await standing(world, id)).toBe("delivered -");
      const matched = expect.stringMatching(`^${side.record} [0-9a-f]{8}…$`) as string;
      expect(await attemptsOf(id)).toMatchObject([{ rung: "dane", dane: { state: "usable", matched } }]);
      expect(await arrivedAt(side)).toBe(1);
    },
  );

  test.each(SIDES.filter(({ of }) => of === "other"))(
    "gets nothing for $domain while its record $record names another, and all of it afterwards",
    async (side) => {
      const id = await sendTo(side);
      expect(await standing(world, id)).toBe("deferred PST-DLV-039");
      expect(await attemptsOf(id)).toMatchObject([{ code: "PST-DLV-039", dane: { matched: null } }]);
      expect(server.deliveriesTo(`canary@${side.domain}`)).toEqual([]);
      publish(side, side.record === "3 1 1" ? "own" : "issuer");
      world.advance(HOUR_MS);
      await quiet(world);
      expect(await standing(world, id)).toBe("delivered -");
      expect(await arrivedAt(side)).toBe(1);
    },
  );
});
