/**
 * Log lines for operators and for etcd's tools: JSON with etcd's keys (level, ts, caller, msg), or the same for people.
 * Lines are written synchronously, so that the last line before a crash is not lost; there are few of them.
 */
import { openSync, writeSync } from "node:fs";
import { pino } from "pino";
import type { LogLevel } from "../config/server-config.ts";

/** Facts beside the message. */
type LogFields = Readonly<Record<string, unknown>>;

/** One line a call. */
export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  fatal(message: string, fields?: LogFields): void;
}

/** What to write, how and where. */
export interface LoggerOptions {
  readonly level: LogLevel;
  readonly format: "json" | "console";
  /** `default`, `stderr`, `stdout` or paths of files. */
  readonly outputs: readonly string[];
}

/** Writes one finished line, newline included. */
type LineWriter = (line: string) => void;

/**
 * Makes a logger.
 *
 * @throws Error when a log file cannot be opened.
 */
export function createLogger(options: LoggerOptions): Logger {
  const writers = options.outputs.map(writerTo);
  const format = options.format === "json" ? (line: string) => line : consoleLine;
  const logger = pino(
    {
      // ETCD: zap's panic lies between error and fatal; nothing here logs at it.
      level: options.level === "panic" ? "fatal" : options.level,
      base: null,
      messageKey: "msg",
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write(line: string) {
        const text = format(line);
        for (const write of writers) {
          write(text);
        }
      },
    },
  );
  const at =
    (level: "debug" | "info" | "warn" | "error" | "fatal") =>
    (message: string, fields: LogFields = {}): void => {
      logger[level](fields, message);
    };
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error"), fatal: at("fatal") };
}

function writerTo(output: string): LineWriter {
  if (output === "default" || output === "stderr") {
    return (line) => writeWhole(2, line);
  }
  if (output === "stdout") {
    return (line) => writeWhole(1, line);
  }
  const file = openSync(output, "a");
  return (line) => writeWhole(file, line);
}

/** A full pipe (EAGAIN) or a reader that went away (EPIPE) must not end a database: the line is dropped, nothing else. */
function writeWhole(file: number, line: string): void {
  try {
    writeSync(file, line);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code !== "EAGAIN" && code !== "EPIPE") {
      throw error;
    }
  }
}

/** `2026-01-02T03:04:05.678Z  info  message  {"more":"fields"}`. */
function consoleLine(line: string): string {
  const { level, ts, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.keys(fields).length === 0 ? "" : `\t${JSON.stringify(fields)}`;
  return `${String(ts)}\t${String(level)}\t${String(msg)}${rest}\n`;
}
