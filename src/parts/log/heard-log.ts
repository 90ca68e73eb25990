/** A log whose lines are also told to somebody, below the level that is written too: for facts that stand nowhere else. */
import type { HeardLine, Log, LogLevel } from "../../core/log.ts";

export function heardLog(log: Log, hear: (line: HeardLine) => void): Log {
  const through =
    (level: LogLevel): Log[LogLevel] =>
    (event, fields) => {
      log[level](event, fields);
      hear({ level, event, fields });
    };
  return { debug: through("debug"), info: through("info"), warn: through("warn"), error: through("error") };
}
