/**
 * Postfix beside Postern: a private instance of the Debian package with its queue on the same disk, and durable as it ships
 * (it syncs each queue file before 250). Limits that would hold it back on one loopback address are off.
 */
import { freePort } from "../../src/cli/loopback/free-port.ts";
import { readFileSync } from "node:fs";
import { Postfix } from "../../test/support/peers-postfix.ts";
import type { Peer, RunningPeer, Task } from "./peer.ts";

/** Longest wait for `cleanup` and the others: 250 goes out before the mail is relayed. */
const MESSAGE_BYTES_MAX = 160_000_000;

type Settings = Readonly<Record<string, string>>;

export const postfix: Peer = { name: "Postfix", start: (task) => startPostfix(task, {}) };

/** What is accepted is thrown away by its discard transport: the whole queue manager runs, and nothing is sent. */
export const postfixDiscarding: Peer = {
  name: "Postfix, discard",
  start: (task) => startPostfix(task, { default_transport: "discard:bench" }),
};

/** What is accepted goes to its hold queue and stays there: nothing is done beyond the accepting. */
export const postfixHolding: Peer = {
  name: "Postfix, hold queue",
  start: (task) => startPostfix(task, { smtpd_client_restrictions: "static:HOLD" }),
};

export async function startPostfix(task: Task, settings: Settings): Promise<RunningPeer> {
  const { site, deliverTo } = task;
  const port = await freePort();
  const begin = performance.now();
  const relay: Settings = deliverTo.kind === "sink" ? { relayhost: `[127.0.0.1]:${deliverTo.port}` } : {};
  const running = await Postfix.start({
    name: "postfix.clinic.test",
    parent: site.newFolder("postfix"),
    listeners: [{ address: "127.0.0.1", port }],
    files: { "chain.key": readFileSync(site.keyPath, "utf8") + readFileSync(site.certPath, "utf8") },
    settings: {
      mynetworks: "127.0.0.0/8",
      smtpd_relay_restrictions: "permit_mynetworks, reject",
      smtpd_recipient_restrictions: "",
      smtp_dns_support_level: "disabled",
      message_size_limit: String(MESSAGE_BYTES_MAX),
      smtpd_client_connection_rate_limit: "0",
      smtpd_tls_security_level: "may",
      smtpd_tls_chain_files: "$config_directory/chain.key",
      smtp_tls_security_level: "may",
      smtp_tls_session_cache_database: "btree:${data_directory}/smtp_scache",
      ...relay,
      ...settings,
    },
  });
  return {
    port,
    pids: [running.pid],
    greetedAfterMs: performance.now() - begin,
    stop: () => running.stop(),
  };
}
