/**
 * The gateway of the demo with its internet beside it: a real one, with its own CA, keys, state, log file and control socket
 * in a folder of its own. Promises: whatever started is stopped when a later part does not start. Removing the folder is the
 * caller's decision.
 */
import { randomUUID } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Log } from "../../core/log.ts";
import { startPostern } from "../../main.ts";
import type { Postern } from "../../postern.ts";
import { createLog } from "../../parts/log/log.ts";
import { serveControl } from "../control-handlers.ts";
import { GATEWAY_NAME, writeGatewayFolder } from "../loopback/gateway-folder.ts";
import { freePort } from "../loopback/free-port.ts";
import { startInternet } from "../loopback/internet.ts";
import type { Internet } from "../loopback/internet.ts";
import { submit } from "../loopback/submit.ts";
import type { Handed } from "../loopback/submit.ts";
import { requireConfig } from "../surroundings.ts";
import { DEMO_INTERNET, DEMO_POLICIES, SIGNED_NAME } from "./demo-internet.ts";
import { startPolicyHost } from "./demo-policy-host.ts";

/** Of the package, so that it is found from src and from dist. */
const SHIPPED_PACK = fileURLToPath(new URL("../../../config/dlp/us-hipaa.yaml", import.meta.url));
/** Instead of 60 s and more: whoever watches should see the second attempt. */
export const RETRY_SECONDS = 1;
const CLOCK = { now: () => Date.now(), monotonic: () => performance.now() };
/** The demo's own name server stands for a resolver that validates. */
const CHANGES = {
  dns: { trust_ad: "loopback", signed_name: SIGNED_NAME },
  delivery: { retry: { schedule_seconds: [RETRY_SECONDS, 60], jitter_percent: 0 } },
};

export type DemoGateway = {
  readonly configPath: string;
  readonly logPath: string;
  readonly caPath: string;
  readonly internet: Internet;
  readonly postern: Postern;
  /** Hands one message over as the organisation's mail server does, over STARTTLS; gives the queue id. */
  readonly accept: (message: Handed) => Promise<string>;
  readonly close: () => Promise<void>;
};

export async function startDemoGateway(folder: string): Promise<DemoGateway> {
  const opened: (() => Promise<void> | void)[] = [];
  const close = async (): Promise<void> => {
    for (const end of opened.splice(0).toReversed()) await end();
  };
  try {
    const internet = await startInternet(DEMO_INTERNET, Date.now());
    opened.push(() => internet.close());
    const policyHost = await startPolicyHost(DEMO_POLICIES, internet);
    opened.push(() => policyHost.close());
    // The configuration names a real port, so that it can be read and used like any other.
    const port = await freePort();
    const { configPath } = await writeGatewayFolder(folder, internet, {
      packs: [SHIPPED_PACK],
      changes: { ...CHANGES, mta_sts: { port: policyHost.port, ca_file: "ca.pem" } },
      port,
    });
    const logPath = join(folder, "postern.log");
    const file = openSync(logPath, "a", 0o600);
    opened.push(() => closeSync(file));
    const log = createLog("info", { write: (line: string) => void writeSync(file, line) });
    const postern = await start(configPath, log);
    opened.push(() => postern.stop());
    const control = await serveControl({ postern, configPath, log, clock: CLOCK, startedAt: Date.now() });
    opened.push(() => control.close());
    const accept = (message: Handed): Promise<string> => hand({ postern, internet }, message);
    return { configPath, logPath, caPath: join(folder, "ca.pem"), internet, postern, accept, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function start(configPath: string, log: Log): Promise<Postern> {
  return startPostern(
    requireConfig(configPath, (line) => log.warn("config_warning", { warning: line })),
    {
      clock: CLOCK,
      chance: () => Math.random(),
      log,
      owner: `${process.pid}-${randomUUID()}`,
      onFatal: (code) => {
        log.error("fatal", { code });
        process.exit(1);
      },
    },
  );
}

async function hand(
  { postern, internet }: { readonly postern: Postern; readonly internet: Internet },
  message: Handed,
): Promise<string> {
  const answer = await submit({ ...postern.address(), ca: internet.ca, serverName: GATEWAY_NAME }, message);
  const id = /queued as ([0-9A-Z]{26})/.exec(answer.text)?.[1];
  if (answer.code !== 250 || id === undefined) throw new Error(`the gateway answered ${answer.code} ${answer.text}`);
  return id;
}
