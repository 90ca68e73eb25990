/**
 * What an operator may set about delivery, with the shipped values (RFC 5321 section 4.5.3.2 for the timeouts).
 * Every limit carries its unit in its name.
 */

import type { DialOptions } from "../../parts/dns/address-guard.ts";

/** The client's patience in each phase. */
export type DeliverTimeouts = {
  readonly dialMs: number;
  readonly greetingMs: number;
  readonly ehloMs: number;
  readonly starttlsMs: number;
  readonly handshakeMs: number;
  readonly mailMs: number;
  readonly rcptMs: number;
  readonly dataMs: number;
  /** One block of the body. */
  readonly blockMs: number;
  readonly dotMs: number;
  /** The greeting and all that comes before MAIL together, and each transaction up to its final dot (beside the time of its body). */
  readonly totalMs: number;
  /** How long a closing connection may linger after QUIT. */
  readonly quitMs: number;
};

export type DeliverOptions = DialOptions & {
  /** The name given with EHLO: this gateway's public host name. */
  readonly helo: string;
  readonly port: number;
  /** PEM certificates to trust in place of the ones shipped with the runtime; null keeps those. */
  readonly ca: readonly string[] | null;
  /** Suites of NIST SP 800-52 revision 2 alone: no ChaCha20. */
  readonly fipsOnly: boolean;
  readonly timeouts: DeliverTimeouts;
  /** Deliveries under way over all lanes, each with one connection. */
  readonly connectionsMax: number;
  readonly idleConnectionsMax: number;
  readonly idleConnectionMs: number;
  readonly messagesPerConnectionMax: number;
  readonly recipientsPerTransactionMax: number;
  /** Connections one delivery may make before it gives up for now. */
  readonly connectionsPerDeliveryMax: number;
  readonly laneWindowInitial: number;
  readonly laneWindowMax: number;
  readonly laneWaitingMax: number;
  /** Deliveries of one lane that find nobody, in a row, before the lane closes. */
  readonly laneFailuresMax: number;
  /**
   * So long nobody at a server may say a word before those who wait for it are sent back to the queue: longer than two addresses
   * that do not answer take.
   */
  readonly laneSilentMs: number;
  readonly laneClosedFirstMs: number;
  readonly laneClosedMaxMs: number;
};

const MINUTE_MS = 60_000;

export const DELIVER_DEFAULTS: Omit<DeliverOptions, "helo"> = {
  port: 25,
  allowPrivateDestinations: false,
  ca: null,
  fipsOnly: false,
  timeouts: {
    dialMs: 30_000,
    greetingMs: 5 * MINUTE_MS,
    ehloMs: 5 * MINUTE_MS,
    starttlsMs: 2 * MINUTE_MS,
    handshakeMs: MINUTE_MS,
    mailMs: 5 * MINUTE_MS,
    rcptMs: 5 * MINUTE_MS,
    dataMs: 2 * MINUTE_MS,
    blockMs: 3 * MINUTE_MS,
    dotMs: 10 * MINUTE_MS,
    totalMs: 30 * MINUTE_MS,
    quitMs: 2_000,
  },
  connectionsMax: 200,
  idleConnectionsMax: 100,
  idleConnectionMs: 3_000,
  messagesPerConnectionMax: 100,
  recipientsPerTransactionMax: 100,
  connectionsPerDeliveryMax: 12,
  laneWindowInitial: 5,
  laneWindowMax: 20,
  laneWaitingMax: 1_000,
  laneFailuresMax: 3,
  laneSilentMs: 65_000,
  laneClosedFirstMs: MINUTE_MS,
  laneClosedMaxMs: 30 * MINUTE_MS,
};
