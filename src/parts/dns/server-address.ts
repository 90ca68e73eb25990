/**
 * Addresses of DNS servers as the operator writes them: `127.0.0.1:53`, `[::1]:53`, or without a port. Promises: a text that
 * is no address throws with words for the operator. Names are refused: a resolver that needs a resolver cannot start.
 */
import { SocketAddress, isIP } from "node:net";

export type ServerAddress = { readonly host: string; readonly port: number; readonly family: 4 | 6 };

const DNS_PORT = 53;
const BRACKETED = /^\[([^[\]]+)\](?::([0-9]{1,5}))?$/;
const DOTTED = /^([0-9.]+)(?::([0-9]{1,5}))?$/;

export function parseServerAddress(text: string): ServerAddress {
  const match = BRACKETED.exec(text) ?? DOTTED.exec(text);
  const host = match?.[1] ?? text;
  const port = Number(match?.[2] ?? DNS_PORT);
  const family = isIP(host);
  if ((family !== 4 && family !== 6) || port < 1 || port > 65_535) {
    throw new Error(`DNS server "${text}" is not an address; write it as 127.0.0.1:53 or [::1]:53`);
  }
  return { host, port, family };
}

/** True for 127.0.0.0/8 and ::1: an answer from there crossed no network. */
export function isLoopback({ host, family }: ServerAddress): boolean {
  if (family === 4) return host.startsWith("127.");
  return new SocketAddress({ address: host, family: "ipv6" }).address === "::1";
}

export function formatServerAddress({ host, port, family }: ServerAddress): string {
  return family === 6 ? `[${host}]:${port}` : `${host}:${port}`;
}
