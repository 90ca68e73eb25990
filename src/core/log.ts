/** The operational log. Fields are ids, codes and numbers; an address is masked by the caller's `maskAddress` first. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

/** `j***@example.org` tells an operator the destination, not the person. */
export function maskAddress(address: string): string {
  const at = address.lastIndexOf("@");
  return at <= 0 ? "***" : `***@${address.slice(at + 1)}`;
}
