/** Real sockets for the tests of deliver: certificates made once a file; servers and deliveries closed after each test. */
import { afterEach, beforeAll } from "vitest";
import type { MxBehaviour } from "../../src/cli/loopback/mx-behaviour.ts";
import { startMxServer } from "../../src/cli/loopback/mx-server.ts";
import type { MxServer, MxTls } from "../../src/cli/loopback/mx-server.ts";
import type { Delivery } from "../../src/stages/deliver/deliver.ts";
import { issueTestCertificates, makeDelivery } from "./deliver-rig.ts";
import type { TestCertificates } from "./deliver-rig.ts";

type Place = { readonly host?: string; readonly port?: number; readonly tls?: MxTls };

export type DeliverSockets = {
  readonly certificates: TestCertificates;
  readonly startMx: (behaviour: MxBehaviour, at?: Place) => Promise<MxServer>;
  readonly deliveryTo: (server: MxServer, rig?: Partial<Parameters<typeof makeDelivery>[0]>) => Delivery;
};

/** Call it once at the top of a test file. */
export function useDeliverSockets(): DeliverSockets {
  let issued: TestCertificates | null = null;
  const cleanups: (() => Promise<void>)[] = [];
  const certificates = (): TestCertificates => {
    if (issued === null) throw new Error("certificates are made before the first test");
    return issued;
  };
  beforeAll(async () => {
    issued = await issueTestCertificates();
  });
  afterEach(async () => {
    for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
  });
  return {
    get certificates() {
      return certificates();
    },
    async startMx(behaviour, at = {}) {
      const server = await startMxServer({ host: "127.0.0.2", port: 0, ...at, behaviour });
      cleanups.push(() => server.close());
      return server;
    },
    deliveryTo(server, rig = {}) {
      const delivery = makeDelivery({ port: server.port, ca: certificates().ca, ...rig });
      cleanups.push(() => delivery.close());
      return delivery;
    },
  };
}
