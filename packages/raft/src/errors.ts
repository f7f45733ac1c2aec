/**
 * Every error of this package, on one page. An error is a code with typed facts; its message is for people and may change.
 * Protocol refusals are not errors but message fields, and broken invariants are `InvariantViolation`, which nobody catches.
 */
import type { LogIndex, NodeId } from "./types/ids.ts";
import type { ConfChangeRefusal, ProposalRefusal } from "./types/proposal.ts";

/**
 * What a caller of the library can act on. `maybeCommitted` says whether the request may still take effect: only where it is
 * false (or absent) may it be sent again without a client session. RAFT §6.3.
 */
export type RaftErrorInfo =
  /** This member does not lead; `leader` is where to go, `noNode` when unknown. */
  | { readonly code: "RAFT_NOT_LEADER"; readonly leader: NodeId }
  /** The proposal never entered a log. */
  | { readonly code: "RAFT_PROPOSAL_DROPPED"; readonly reason: ProposalRefusal }
  /** Another leader's entry stands where the proposal stood: it is certainly never applied. */
  | { readonly code: "RAFT_LEADER_CHANGED"; readonly maybeCommitted: false }
  /** Proposals wait for a leadership transfer to end; this one never entered a log. */
  | { readonly code: "RAFT_LEADERSHIP_TRANSFERRING"; readonly transferee: NodeId }
  /** An earlier configuration change is still under way. */
  | { readonly code: "RAFT_CONF_CHANGE_PENDING"; readonly problem: string; readonly confIndex: LogIndex }
  /** The configuration change makes no valid configuration here and now. */
  | {
      readonly code: "RAFT_CONF_CHANGE_INVALID";
      readonly refusal: ConfChangeRefusal;
      readonly problem: string;
      /** Log index of the configuration in force. */
      readonly confIndex: LogIndex;
    }
  /** Leadership is not handed over to `transferee`; nothing has changed. */
  | {
      readonly code: "RAFT_TRANSFER_REFUSED";
      readonly transferee: NodeId;
      readonly reason: "not-a-member" | "learner" | "already-leader" | "unreachable" | "no-candidate";
    }
  /** The transferee did not take over in time; this member leads on. */
  | { readonly code: "RAFT_TRANSFER_TIMEOUT"; readonly transferee: NodeId }
  /** No image was put in the state machine's place; the state is what it was. */
  | {
      readonly code: "RAFT_SNAPSHOT_REFUSED";
      readonly reason:
        | "is-leader"
        | "already-asked"
        | "restoring"
        | "behind"
        | "busy"
        | "connection-lost"
        | "not-understood"
        | "unknown-channel"
        | "too-large"
        | "too-many";
    }
  /** The deadline passed or the caller gave up; `maybeCommitted` when the request was already under way. */
  | { readonly code: "RAFT_DEADLINE"; readonly maybeCommitted: boolean }
  /** The deadline passed or the caller gave up before a read was known to be linearizable. */
  | { readonly code: "RAFT_READ_DEADLINE" }
  /** The member stopped; `maybeCommitted` when the request was already under way. */
  | { readonly code: "RAFT_STOPPED"; readonly maybeCommitted: boolean }
  /** The request may or may not take effect: leader or connection lost after forwarding, or a snapshot passed it. */
  | {
      readonly code: "RAFT_UNKNOWN_OUTCOME";
      readonly maybeCommitted: true;
      readonly cause: "leader-lost" | "connection-lost" | "snapshot";
    }
  /** The request to the leader was certainly not handled: no handler there for its channel, too long, or too many wait here. */
  | {
      readonly code: "RAFT_REQUEST_REFUSED";
      readonly reason: "unknown-channel" | "too-large" | "too-many";
    }
  /** The members no longer know the session; `maybeCommitted` when an earlier attempt may have been applied. RAFT §6.3. */
  | { readonly code: "RAFT_SESSION_EXPIRED"; readonly session: number; readonly maybeCommitted: boolean }
  /** The session was closed here: the command was not sent. */
  | { readonly code: "RAFT_SESSION_CLOSED"; readonly session: number }
  /** The command was applied, once; its answer was too large to be kept, and is gone. */
  | { readonly code: "RAFT_SESSION_ANSWER_LOST"; readonly session: number };

/** The codes of {@link RaftError}. */
export type RaftErrorCode = RaftErrorInfo["code"];

/**
 * What a storage reports. `STORAGE_CORRUPT` and `STORAGE_IO` are final: the member stops, nothing is retried.
 * `offset` is in bytes from the start of `file`.
 */
export type StorageErrorInfo =
  /** The entries asked for were compacted away; `firstIndex` is the oldest left. */
  | { readonly code: "STORAGE_COMPACTED"; readonly firstIndex: LogIndex }
  /** Beyond the end of the log. */
  | { readonly code: "STORAGE_UNAVAILABLE"; readonly lastIndex: LogIndex }
  /** A snapshot is still being made. */
  | { readonly code: "STORAGE_SNAPSHOT_PENDING" }
  /** What was read is not what was written; `why` says how that shows, and what can be done. */
  | { readonly code: "STORAGE_CORRUPT"; readonly file: string; readonly offset: number; readonly why: string }
  /** The files belong to another cluster or member than the one that was asked for. */
  | {
      readonly code: "STORAGE_FOREIGN";
      readonly file: string;
      readonly found: string;
      readonly expected: string;
    }
  /** What is stored needs the encryption key `keyId`, which is missing or another than the one that it was encrypted with. */
  | { readonly code: "STORAGE_KEY"; readonly keyId: number; readonly why: string }
  /** A stored format that this version does not know. */
  | { readonly code: "STORAGE_VERSION"; readonly file: string; readonly version: number }
  /** A system call failed; a failed fsync leaves the disk's content unknown. */
  | { readonly code: "STORAGE_IO"; readonly syscall: string; readonly file: string }
  /** No space is left on the device. As final as `STORAGE_IO` for the member that met it. */
  | { readonly code: "STORAGE_FULL"; readonly syscall: string; readonly file: string }
  /** The storage was closed before the call. */
  | { readonly code: "STORAGE_CLOSED" }
  /** Another process, `pid`, holds the data directory. */
  | { readonly code: "STORAGE_LOCKED"; readonly file: string; readonly pid: number };

/** The codes of {@link StorageError}. */
export type StorageErrorCode = StorageErrorInfo["code"];

/** Text of an error's facts: `key=value` in the order they were written, the code left out. */
function describeFacts(info: object): string {
  // ORDER: the keys are names, none looks like an integer.
  return Object.entries(info)
    .filter(([key]) => key !== "code")
    .map(([key, value]) => ` ${key}=${String(value)}`)
    .join("");
}

/**
 * An error that a caller of the library can act on: branch on `info.code`.
 *
 * @example
 * ```ts
 * import { noNode, RaftError } from "@quorate/raft";
 * const error = new RaftError({ code: "RAFT_NOT_LEADER", leader: noNode });
 * if (error.info.code === "RAFT_NOT_LEADER") error.info.leader; // try there
 * ```
 */
export class RaftError extends Error {
  override readonly name = "RaftError";
  /** The code with its facts. */
  readonly info: RaftErrorInfo;

  constructor(info: RaftErrorInfo, cause?: unknown) {
    super(`${info.code}${describeFacts(info)}`, cause === undefined ? undefined : { cause });
    this.info = info;
  }

  /** Shorthand for `info.code`. */
  get code(): RaftErrorCode {
    return this.info.code;
  }

  /** Whether the request may still take effect, so that only a client session makes a retry safe. */
  get maybeCommitted(): boolean {
    return "maybeCommitted" in this.info && this.info.maybeCommitted;
  }
}

/** An error of a storage: branch on `info.code`. */
export class StorageError extends Error {
  override readonly name = "StorageError";
  /** The code with its facts. */
  readonly info: StorageErrorInfo;

  constructor(info: StorageErrorInfo, cause?: unknown) {
    super(`${info.code}${describeFacts(info)}`, cause === undefined ? undefined : { cause });
    this.info = info;
  }

  /** Shorthand for `info.code`. */
  get code(): StorageErrorCode {
    return this.info.code;
  }
}

/** A configuration that cannot work, with every problem that was found, so that they are mended in one go. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  /** One sentence each. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`invalid configuration: ${problems.join("; ")}`);
    this.problems = problems;
  }
}
