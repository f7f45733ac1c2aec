/**
 * How much the table of sessions may hold. The limits stand in the log: each registration carries them, the latest rules. So
 * members that were started with different settings still expire the same sessions at the same index. RAFT §6.3.
 */
import { type ByteReader, type ByteWriter, DecodeError } from "@quorate/base";
import { ConfigError } from "../errors.ts";

/** Bounds of the table; what exceeds them is expired, least recently used first. */
export interface SessionLimits {
  /** Sessions. Default 4,096. */
  readonly sessionCountMax: number;
  /** Answers that one session keeps: its client has at most so many requests under way. Default 1,024. */
  readonly answerCountMax: number;
  /** Bytes of one answer; of a larger one only that it was given is kept. Default 64 KiB. */
  readonly answerBytesMax: number;
  /** Bytes of the answers of one session, above which it takes no new command but its oldest. Default 1 MiB. */
  readonly sessionBytesMax: number;
  /** Bytes of all answers. Default 64 MiB. */
  readonly tableBytesMax: number;
}

/** What holds where nothing is said. */
export const sessionLimitsDefault: SessionLimits = {
  sessionCountMax: 4_096,
  answerCountMax: 1_024,
  answerBytesMax: 64 * 1024,
  sessionBytesMax: 1024 * 1024,
  tableBytesMax: 64 * 1024 * 1024,
};

/** No log may ask for more than this: a snapshot pins all sessions in one go, and an answer is restored in one piece. */
const ceiling: SessionLimits = {
  sessionCountMax: 100_000,
  answerCountMax: 65_536,
  answerBytesMax: 16 * 1024 * 1024,
  sessionBytesMax: 256 * 1024 * 1024,
  tableBytesMax: 4 * 1024 * 1024 * 1024,
};

/** Counted for each answer beside its bytes: what the table itself costs. */
export const answerOverheadBytes = 64;

const names: readonly (keyof SessionLimits)[] = [
  "sessionCountMax",
  "answerCountMax",
  "answerBytesMax",
  "sessionBytesMax",
  "tableBytesMax",
];

function problemsOf(limits: SessionLimits): string[] {
  const problems: string[] = [];
  for (const name of names) {
    const value = limits[name];
    if (!Number.isSafeInteger(value) || value < 1 || value > ceiling[name]) {
      problems.push(`sessions.${name} must be an integer from 1 to ${ceiling[name]}`);
    }
  }
  // The session that a command belongs to is never expired for its own answer.
  const ownBytesMax = limits.sessionBytesMax + 2 * (limits.answerBytesMax + answerOverheadBytes);
  if (limits.tableBytesMax < ownBytesMax) {
    problems.push("sessions.tableBytesMax must hold sessionBytesMax and two more answers");
  }
  return problems;
}

/** The defaults where `limits` says nothing. @throws ConfigError with every problem at once. */
export function resolveSessionLimits(limits: Partial<SessionLimits> = {}): SessionLimits {
  const resolved = { ...sessionLimitsDefault, ...limits };
  const problems = problemsOf(resolved);
  if (problems.length > 0) {
    throw new ConfigError(problems);
  }
  return resolved;
}

/** What {@link readSessionLimits} reads. */
export function writeSessionLimits(writer: ByteWriter, limits: SessionLimits): void {
  for (const name of names) {
    writer.varint(limits[name]);
  }
}

/** @throws DecodeError where they are out of range. */
export function readSessionLimits(reader: ByteReader): SessionLimits {
  const at = reader.offset;
  const limits: SessionLimits = {
    sessionCountMax: reader.varint(),
    answerCountMax: reader.varint(),
    answerBytesMax: reader.varint(),
    sessionBytesMax: reader.varint(),
    tableBytesMax: reader.varint(),
  };
  const problem = problemsOf(limits)[0];
  if (problem !== undefined) {
    throw new DecodeError(problem, at);
  }
  return limits;
}
