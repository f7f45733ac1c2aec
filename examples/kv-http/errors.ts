/** What went wrong, as an HTTP answer: a status, a sentence in the names of this program, and the library's code for programs that ask. */
import { ConfigError, RaftError, type RaftErrorInfo } from "@quorate/raft";
import { nameOf } from "./config.ts";

/** An answer that is not 200. */
export class HttpError extends Error {
  readonly status: number;
  readonly more: object;

  constructor(status: number, message: string, more: object = {}) {
    super(message);
    this.status = status;
    this.more = more;
  }
}

interface ErrorAnswer {
  readonly status: number;
  readonly body: object;
}

/** `maybeStored` stands in the body when nobody knows: the write may still take effect. */
export function answerTo(error: unknown): ErrorAnswer {
  if (error instanceof HttpError) {
    return { status: error.status, body: { error: error.message, ...error.more } };
  }
  if (error instanceof RaftError) {
    const unknown = error.maybeCommitted ? { maybeStored: true } : {};
    return { status: statusOf(error.info), body: { error: explain(error), code: error.code, ...unknown } };
  }
  const message = error instanceof Error ? error.message : String(error);
  return { status: error instanceof ConfigError ? 400 : 503, body: { error: message } };
}

function statusOf(info: RaftErrorInfo): number {
  switch (info.code) {
    case "RAFT_CONF_CHANGE_PENDING":
    case "RAFT_CONF_CHANGE_INVALID":
    case "RAFT_TRANSFER_REFUSED":
      return 409;
    case "RAFT_PROPOSAL_DROPPED":
      return info.reason === "too-large" ? 413 : 503;
    default:
      return 503;
  }
}

function explain({ info, maybeCommitted, message }: RaftError): string {
  switch (info.code) {
    case "RAFT_NOT_LEADER":
      return "no leader is known";
    case "RAFT_PROPOSAL_DROPPED":
      return `not taken: ${info.reason}`;
    case "RAFT_CONF_CHANGE_PENDING":
      return "another change of the members is under way";
    case "RAFT_CONF_CHANGE_INVALID":
      return info.problem.replaceAll(/\bmember (\d+)/g, (_, id) => nameOf(Number(id)));
    case "RAFT_TRANSFER_REFUSED":
      return `leadership stays: ${nameOf(info.transferee)} is refused: ${info.reason}`;
    default:
      return maybeCommitted ? "no answer in time; nobody knows whether it takes effect" : message;
  }
}
