/** DANE from end to end: real unbound, signed and changed zones, real TLS servers, and the whole gateway between. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { MxServer } from "../../src/cli/loopback/mx-server.ts";
import type { AttemptFacts } from "../../src/core/outcome.ts";
import { leaksIn } from "../support/canary.ts";
import { daneVectors, listenOnPort } from "../support/dane-rig.ts";
import { codesIn, protectedMail, quiet, standing } from "../support/never-clear-run.ts";
import { peers } from "../support/peers.ts";
import { signedZones, Unbound } from "../support/peers-unbound.ts";
import { World } from "../support/world.ts";

/** The zones are signed as they are: mx1 on 127.0.0.1 and mx2 on 127.0.0.2, with records for this port. */
const PORT = 2525;
const MX1 = "127.0.0.1";
const MX2 = "127.0.0.2";

const needed = peers("unbound", "transport-data");

describe.skipIf(needed.areMissing)(`through unbound${needed.note}`, () => {
  let unbound: Unbound;
  const started: MxServer[] = [];
  const worlds: World[] = [];
  beforeAll(async () => {
    unbound = await Unbound.start(signedZones());
  }, 30_000);
  afterEach(async () => {
    for (const world of worlds.splice(0)) await world.close();
    for (const server of started.splice(0)) await server.close();
  });
  afterAll(() => unbound.stop());

  /** `leaf`, which the record of mx1 names, or another certificate of the same authority. */
  async function serve(host: string, certificate: "leaf" | "leafwrong"): Promise<MxServer> {
    const { certificates, testKeys } = daneVectors();
    const tls = { key: testKeys[certificate] ?? "", cert: certificates[certificate] ?? "" };
    const server = await listenOnPort({ host, port: PORT, tls });
    started.push(server);
    return server;
  }

  async function gateway(profile: "standard" | "strict"): Promise<World> {
    const world = await World.start({
      zone: {},
      servers: [],
      config: {
        dns: { servers: [unbound.address], trust_ad: "loopback", timeout_ms: 3_000 },
        delivery: { port: PORT },
        policy: { phi: profile },
      },
    });
    worlds.push(world);
    return world;
  }

  async function send(world: World, domain: string): Promise<{ readonly id: string; readonly standing: string }> {
    const recipient = `canary@${domain}`;
    const bytes = protectedMail("phi", { canary: "canary-phi", sender: "nurse@clinic.test", recipient });
    const id = await world.accept({ mailFrom: "nurse@clinic.test", rcptTo: [recipient], bytes });
    await quiet(world);
    return { id, standing: await standing(world, id) };
  }

  async function attemptsOf(world: World, id: string): Promise<readonly AttemptFacts[]> {
    const rows = await world.audit(id);
    return rows.flatMap(({ event }) => (event.kind === "attempt" ? [event.attempt] : []));
  }

  test("a signed domain whose record names the server's key gets its mail under the strictest floor", async () => {
    const mx1 = await serve(MX1, "leaf");
    const world = await gateway("strict");
    const { id, standing: state } = await send(world, "secure.test");
    expect(state).toBe("delivered -");
    expect(await attemptsOf(world, id)).toMatchObject([
      { host: "mx1.secure.test", rung: "dane", dane: { state: "usable", matched: "3 1 1 6af4b394…" } },
    ]);
    expect(mx1.transactions).toMatchObject([{ tls: "TLSv1.3" }]);
  });

  test("an unsigned domain that names the same server reaches the lesser rung, and not the strictest floor", async () => {
    const mx1 = await serve(MX1, "leaf");
    const standard = await gateway("standard");
    const sent = await send(standard, "insecure.test");
    expect(sent.standing).toBe("delivered -");
    expect(await attemptsOf(standard, sent.id)).toMatchObject([{ rung: "dane-insecure-mx" }]);
    const strict = await gateway("strict");
    const held = await send(strict, "insecure.test");
    expect(held.standing).toBe("held PST-DEC-001");
    expect(codesIn(await strict.audit(held.id))).toContain("PST-DLV-038");
    expect(mx1.transactions).toHaveLength(1);
  });

  test("servers of a signed domain with other certificates get nothing, and the audit says of each why", async () => {
    const servers = [await serve(MX1, "leafwrong"), await serve(MX2, "leaf")];
    const world = await gateway("standard");
    const { id, standing: state } = await send(world, "secure.test");
    expect(state).toBe("deferred PST-DLV-039");
    const facts = await attemptsOf(world, id);
    expect(facts.map(({ host, code, dane }) => [host, code, dane])).toEqual(
      ["mx1.secure.test", "mx2.secure.test"].map((host) => [
        host,
        "PST-DLV-039",
        { state: "usable", matched: null, refused: "no record matches" },
      ]),
    );
    for (const { allSeen } of servers) expect(leaksIn(allSeen, ["canary", "MAIL FROM"])).toEqual([]);
  });

  test("a signed alias without MX leads to the server at its end, and the record there vouches for it", async () => {
    const mx1 = await serve(MX1, "leaf");
    const world = await gateway("strict");
    const { id, standing: state } = await send(world, "alias.secure.test");
    expect(state).toBe("delivered -");
    expect(await attemptsOf(world, id)).toMatchObject([
      { host: "alias.secure.test", rung: "dane", dane: { state: "usable", matched: "3 1 1 6af4b394…" } },
    ]);
    expect(mx1.transactions).toHaveLength(1);
    await mx1.close();
    started.splice(0);
    await serve(MX1, "leafwrong");
    expect((await send(world, "alias.secure.test")).standing).toBe("deferred PST-DLV-039");
  });

  test("a signed server without MX and without records is an implicit MX that must prove itself otherwise", async () => {
    const server = await serve(MX1, "leaf");
    const world = await gateway("standard");
    const { id, standing: state } = await send(world, "nomx.secure.test");
    expect(state).toBe("held PST-DEC-001");
    expect(await attemptsOf(world, id)).toMatchObject([{ host: "nomx.secure.test", dane: { state: "none" } }]);
    expect(leaksIn(server.allSeen, ["canary", "MAIL FROM"])).toEqual([]);
  });

  test("a domain whose signed answers were changed on the way gets nothing", async () => {
    const server = await serve("127.0.0.9", "leaf");
    const world = await gateway("standard");
    const { standing: state } = await send(world, "bogus.test");
    expect(state).toMatch(/^deferred PST-D(SC|LV)-\d{3}$/);
    expect(server.connections).toBe(0);
  });
});
