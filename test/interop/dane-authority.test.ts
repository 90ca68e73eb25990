/** DANE-TA and mail servers by alias from end to end: a zone signed here, real unbound, real TLS servers, and the whole gateway between. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../../src/cli/loopback/free-port.ts";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import { issueAuthority, issueServerCertificate } from "../../src/parts/keys/issue-certificate.ts";
import { leaksIn } from "../support/canary.ts";
import { listenOnPort, recordText } from "../support/dane-rig.ts";
import { protectedMail, quiet, standing } from "../support/never-clear-run.ts";
import { peers } from "../support/peers.ts";
import { Unbound } from "../support/peers-unbound.ts";
import { signZone } from "../support/signed-zone.ts";
import { World } from "../support/world.ts";

const DAY_MS = 86_400_000;
const ZONE = "signed.test";
const MX = `mx.${ZONE}`;
const OTHER = `other.${ZONE}`;
const needed = peers("unbound", "ldnsutils");

describe.skipIf(needed.areMissing)(`through unbound${needed.note}`, () => {
  const folder = mkdtempSync(join(tmpdir(), "postern-zone-"));
  let unbound: Unbound;
  let world: World;
  let servers: readonly MxServer[] = [];

  /** Both servers show certificates of the authority that DNS names; the second one's is for a name it does not have. */
  beforeAll(async () => {
    const port = await freePort();
    const validity = { notBefore: Date.now() - DAY_MS, notAfter: Date.now() + DAY_MS };
    const issuer = await issueAuthority({ ...validity, commonName: "Authority in DNS" });
    const serve = async (host: string, name: string): Promise<MxServer> => {
      const own = await issueServerCertificate({ ...validity, commonName: name, dnsNames: [name], issuer });
      return listenOnPort({ host, port, tls: { key: own.keyPem, cert: own.certPem + issuer.certPem } });
    };
    servers = [await serve("127.24.0.1", MX), await serve("127.24.0.2", "elsewhere.test")];
    const { zone, anchor } = signZone(folder, ZONE, [
      `${ZONE}. 300 IN MX 10 ${MX}.`,
      `${MX}. 300 IN A 127.24.0.1`,
      `_${port}._tcp.${MX}. 300 IN TLSA ${recordText("2 0 1", issuer.certPem)}`,
      `alias.${ZONE}. 300 IN CNAME ${MX}.`,
      `by-alias.${ZONE}. 300 IN MX 10 alias.${ZONE}.`,
      `misnamed.${ZONE}. 300 IN MX 10 ${OTHER}.`,
      `${OTHER}. 300 IN A 127.24.0.2`,
      `_${port}._tcp.${OTHER}. 300 IN TLSA ${recordText("2 0 1", issuer.certPem)}`,
    ]);
    unbound = await Unbound.start({ zones: { [ZONE]: zone }, anchors: anchor });
    world = await World.start({
      zone: {},
      servers: [],
      config: {
        dns: { servers: [unbound.address], trust_ad: "loopback", timeout_ms: 3_000 },
        delivery: { port },
        policy: { phi: "strict" },
      },
    });
  }, 60_000);
  afterAll(async () => {
    await world.close();
    for (const server of servers) await server.close();
    await unbound.stop();
    rmSync(folder, { recursive: true });
  });

  async function send(domain: string): Promise<{ readonly ends: string; readonly attempts: readonly object[] }> {
    const recipient = `canary@${domain}`;
    const bytes = protectedMail("phi", { canary: "canary-phi", sender: "nurse@clinic.test", recipient });
    const id = await world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [recipient], bytes });
    await quiet(world);
    const rows = await world.audit(id);
    const attempts = rows.flatMap(({ event }) => (event.kind === "attempt" ? [event.attempt] : []));
    return { ends: await standing(world, id), attempts };
  }

  test.each([
    ["DANE-TA", ZONE, MX],
    ["DANE-TA behind an alias in the MX record", `by-alias.${ZONE}`, `alias.${ZONE}`],
  ])("%s: the authority in DNS vouches for the server, which no CA store knows", async (_what, domain, host) => {
    const { ends, attempts } = await send(domain);
    expect(ends).toBe("delivered -");
    expect(attempts).toMatchObject([{ host, rung: "dane", dane: { matched: expect.stringMatching(/^2 0 1 /) } }]);
  });

  test("a certificate of that authority for another name vouches for nothing", async () => {
    const { ends, attempts } = await send(`misnamed.${ZONE}`);
    expect(ends).toBe("deferred PST-DLV-039");
    expect(attempts).toMatchObject([{ dane: { matched: null, refused: "certificate for another name" } }]);
    expect(leaksIn(servers[1]?.allSeen ?? "", ["canary", "MAIL FROM"])).toEqual([]);
  });
});
