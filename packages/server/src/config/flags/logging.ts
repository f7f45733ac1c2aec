/** What is written about the member's life, where and how. */
import type { FlagRows } from "../flag-row.ts";
import { choiceKind, durationKind, listKind, textKind } from "../value-kind.ts";

/** ETCD: the words of zap. `panic` and `fatal` leave only what ends the process. */
export type LogLevel = "debug" | "info" | "warn" | "error" | "panic" | "fatal";

/** The settings of this group. */
export interface LoggingValues {
  /** ETCD: there is but one. */
  readonly logger: "zap";
  readonly logLevel: LogLevel;
  readonly logFormat: "json" | "console";
  readonly logOutputs: readonly string[];
  readonly warningUnaryRequestDurationMs: number;
  /** Empty: no trace. */
  readonly trace: string;
}

/** Its rows. */
export const loggingFlags: FlagRows<LoggingValues> = {
  logger: {
    name: "logger",
    group: "Logging",
    kind: choiceKind(["zap"]),
    defaultValue: "zap",
    etcdDefault: "zap",
    isEtcds: true,
    differs: "the lines have zap's form and another maker",
    help: "The form of the log's lines. There is but one.",
  },
  logLevel: {
    name: "log-level",
    group: "Logging",
    kind: choiceKind<LogLevel>(["debug", "info", "warn", "error", "panic", "fatal"]),
    defaultValue: "info",
    etcdDefault: "info",
    isEtcds: true,
    help: "The least important lines to write.",
  },
  logFormat: {
    name: "log-format",
    group: "Logging",
    kind: choiceKind(["json", "console"]),
    defaultValue: "json",
    etcdDefault: "json",
    isEtcds: true,
    help: "json: one object a line, with etcd's keys. console: for people.",
  },
  logOutputs: {
    name: "log-outputs",
    group: "Logging",
    kind: listKind,
    defaultValue: ["default"],
    etcdDefault: "default",
    isEtcds: true,
    differs: "systemd/journal is not spoken to: stderr, which a service's journal reads",
    help: "Where lines go: default (stderr), stderr, stdout, or paths of files to append to, divided by commas.",
  },
  warningUnaryRequestDurationMs: {
    name: "warning-unary-request-duration",
    group: "Logging",
    kind: durationKind(0),
    defaultValue: 300,
    etcdDefault: "300ms",
    isEtcds: true,
    help: "A call with one answer that takes longer than this is noted in the log. 0: 300ms.",
  },
  trace: {
    name: "trace",
    group: "Logging",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "",
    isEtcds: false,
    help: "File to append every step of the Raft protocol to, one JSON object a line (docs/trace.md). Empty: none. It grows without bound.",
  },
};
