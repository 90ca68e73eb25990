/** The operational log. Fields are ids, codes and numbers; an address is masked by src/parts/log/. */
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** One line, whether its level is written or not. */
export type HeardLine = { readonly level: LogLevel; readonly event: string; readonly fields: LogFields | undefined };
