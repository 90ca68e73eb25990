/**
 * The operational log: one JSON object a line, through pino.
 * Promises: the record holds an event name and flat fields only; whatever looks like an address loses its local part
 * even where a caller forgot to mask it; long values are cut. Leaves to callers: never handing over content.
 */
import { destination, pino, stdTimeFunctions } from "pino";
import type { DestinationStream } from "pino";
import type { Log, LogFields, LogLevel } from "../../core/log.ts";

/** Characters of one value; ids, codes and host names are far shorter. */
const VALUE_CHARACTERS_MAX = 512;
/** A local part, quoted or not, with its at sign (RFC 5321 section 4.1.2, RFC 6531). */
const LOCAL_PART = /(?:"(?:[^"\\]|\\.)*"|[^\s<>"'(),:;@[\]]+)@/gu;

export function createLog(level: LogLevel, stream: DestinationStream): Log {
  const logger = pino(
    {
      level,
      base: null,
      messageKey: "event",
      timestamp: stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  return {
    debug: (event, fields) => logger.debug(guarded(fields), guardedText(event)),
    info: (event, fields) => logger.info(guarded(fields), guardedText(event)),
    warn: (event, fields) => logger.warn(guarded(fields), guardedText(event)),
    error: (event, fields) => logger.error(guarded(fields), guardedText(event)),
  };
}

/** Standard output, written at once: a line is not lost with the process. */
export function standardOutput(): DestinationStream {
  return destination({ fd: 1, sync: true });
}

function guarded(fields: LogFields = {}): LogFields {
  const safe: Record<string, LogFields[string]> = {};
  for (const [key, value] of Object.entries(fields)) {
    safe[guardedText(key)] = typeof value === "string" ? guardedText(value) : value;
  }
  return safe;
}

function guardedText(text: string): string {
  const cut = text.length > VALUE_CHARACTERS_MAX ? `${text.slice(0, VALUE_CHARACTERS_MAX)}…` : text;
  return cut.includes("@") ? cut.replace(LOCAL_PART, "***@") : cut;
}
