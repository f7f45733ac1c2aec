/** What the services share: ports, limits, time, waiting requests, and one writer for answers. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { assert, ByteSlab, ByteWriter, utf8Decode } from "@quorate/base";
import { type Command, type KvErrorCode, writeCommand } from "@quorate/kv";
import type { ResponseHeaderSchema } from "#generated/etcdserverpb_pb.js";
import type { ResponseHeader } from "../codec/header.ts";
import type { ApiCall, ReadOutcome, SubmitOutcome, UnaryApiCall } from "../ports.ts";
import { AnswerPace } from "./answer-pace.ts";
import { AuthGate } from "./auth-gate.ts";
import { CompactHashes } from "./compact-hashes.ts";
import { failWith, refusalCode, unknownCode } from "./failures.ts";
import type { ApiOptions } from "./options.ts";
import { type Pending, PendingCallbacks, PendingList } from "./pending.ts";
import { Quota } from "./quota.ts";
import {
  type AppliedResult,
  type EncodeResult,
  Submission,
  type WithRefusal,
  type WithResult,
} from "./submission.ts";

/** A writer that grew beyond this is dropped, so that one large answer does not hold memory for ever. */
const writerBytesKept = 1024 * 1024;

/** A command may be so much longer than its request. */
const commandExtraBytes = 16;

/** A request that the port refused for want of a leader, and how to ask again. */
interface Parked {
  readonly pending: Pending;
  readonly retry: () => void;
}

/** Whether a header's value is UTF-8. Headers come as one character a byte; those of ASCII alone need no look at each. */
function isText(value: string | null): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the range of ASCII
  return value === null || /^[\x00-\x7f]*$/.test(value) || utf8Decode(latin1Bytes(value)) !== null;
}

function latin1Bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** State of the API. */
export class ApiContext {
  readonly options: ApiOptions;
  readonly pending: PendingList = new PendingList();
  readonly compactHashes: CompactHashes;
  /** Who calls, and what that allows. */
  readonly auth: AuthGate;
  /** For answers that may be large. */
  readonly pace: AnswerPace;
  readonly #quota: Quota;
  #writer = new ByteWriter(4096);
  readonly #commands = new ByteSlab();
  #nowMs: number;
  #stopped = false;
  /** The version of the API that a client named last, of those that are text. */
  #textVersion: string | null = null;
  /** Since when there has been no leader; null while there is one. */
  #leaderlessSinceMs: number | null = null;
  /** In order of arrival. Bounded by what the transport lets in, as all that is pending. */
  #parked: Parked[] = [];

  constructor(options: ApiOptions) {
    this.options = options;
    this.#nowMs = options.nowMs;
    this.pace = new AnswerPace(options.defer);
    this.compactHashes = new CompactHashes(options.store, options.defer);
    this.#quota = new Quota(options, (command, done) => this.propose(this.encode(command), done));
    const { limits, replication, signedTokens, store } = options;
    this.auth = new AuthGate({
      store,
      ...(signedTokens === undefined ? {} : { signedTokens }),
      tokenTtlMs: limits.authTokenTtlMs,
      appealWaitMs: limits.requestTimeoutMs,
      nowMs: () => this.#nowMs,
      status: () => replication.status(),
      barrier: (done) => this.barrier(done),
    });
  }

  /** The present time, on the clock of {@link tick}. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** For how long there has been no leader. */
  get leaderlessMs(): number {
    return this.#leaderlessSinceMs === null ? 0 : this.#nowMs - this.#leaderlessSinceMs;
  }

  get stopped(): boolean {
    return this.#stopped;
  }

  /** Moves the clock, ends what waited too long, asks again for what waits for a leader. */
  tick(nowMs: number): void {
    assert(nowMs >= this.#nowMs, "api: time goes back");
    this.#nowMs = nowMs;
    if (this.options.replication.status().leader !== 0) {
      this.#leaderlessSinceMs = null;
    } else {
      this.#leaderlessSinceMs ??= nowMs;
    }
    this.pending.expire(nowMs);
    this.auth.tick();
    this.leaderMayHaveChanged();
    this.#quota.disarmWhenRoom();
  }

  /** Asks again for what waits for a leader, if there is one now. */
  leaderMayHaveChanged(): void {
    this.auth.leaderMayHaveChanged();
    if (this.#parked.length === 0 || this.options.replication.status().leader === 0) {
      return;
    }
    const parked = this.#parked;
    this.#parked = [];
    for (const { pending, retry } of parked) {
      if (!pending.settled) {
        retry();
      }
    }
  }

  /** Ends everything that waits; later requests are refused. */
  stop(): void {
    this.#stopped = true;
    this.#parked = [];
    this.auth.stop();
    this.compactHashes.clear();
    this.pending.stop();
  }

  /** A header; revision 0 where an answer carries none. */
  header(revision: number): ResponseHeader {
    const status = this.options.replication.status();
    return {
      clusterId: this.options.membership.clusterId,
      memberId: status.memberId,
      revision,
      raftTerm: status.term,
    };
  }

  /** A header for a generated message. */
  messageHeader(revision: number): MessageInitShape<typeof ResponseHeaderSchema> {
    const { clusterId, memberId, raftTerm } = this.header(revision);
    return {
      clusterId: BigInt(clusterId),
      memberId: BigInt(memberId),
      revision: BigInt(revision),
      raftTerm: BigInt(raftTerm),
    };
  }

  /** Whether `call` may be served; otherwise it failed. */
  admit(call: ApiCall, servedByLearner: boolean): boolean {
    if (this.#stopped) {
      failWith(call, "KV_STOPPED");
      return false;
    }
    const status = this.options.replication.status();
    if (status.isLearner && !servedByLearner) {
      failWith(call, "KV_NOT_SUPPORTED_FOR_LEARNER");
      return false;
    }
    // ETCD: a client says for which version of the API it was made. Any version will do, but it must be text.
    const version = call.metadata.text("client-api-version");
    if (!this.#isVersionText(version)) {
      failWith(call, "KV_INVALID_CLIENT_API_VERSION");
      return false;
    }
    this.options.onClientRequest?.(call.path, version);
    // ETCD: a client that wants no stale answers asks that way for members without a leader to say so.
    if (status.leader === 0 && call.metadata.text("hasleader") === "true") {
      failWith(call, "KV_NO_LEADER");
      return false;
    }
    return true;
  }

  /** PERF: nearly all calls name the version that the one before named. */
  #isVersionText(version: string | null): boolean {
    if (version === this.#textVersion) {
      return true;
    }
    if (!isText(version)) {
      return false;
    }
    this.#textVersion = version;
    return true;
  }

  /** Answers with what `encode` writes. */
  respond(call: UnaryApiCall, encode: (writer: ByteWriter) => void): void {
    const writer = this.#writer;
    writer.reset();
    encode(writer);
    this.#send(call, writer);
  }

  #respondResult(call: UnaryApiCall, encode: EncodeResult, result: AppliedResult): void {
    const writer = this.#writer;
    writer.reset();
    encode(writer, this.header(result.revision), result);
    this.#send(call, writer);
  }

  #send(call: UnaryApiCall, writer: ByteWriter): void {
    call.respond(writer.view());
    this.pace.wrote(writer.length);
    if (writer.length > writerBytesKept) {
      this.#writer = new ByteWriter(4096);
    }
  }

  /**
   * The bytes of a command, for {@link submit}. PERF: in slabs, because the log keeps them for a while.
   *
   * @param requestBytes Of the request that the command came in: about as long as itself.
   */
  encode(command: Command, requestBytes = 256): Uint8Array {
    return this.#commands.write(requestBytes + commandExtraBytes, writeCommand, command);
  }

  /** Proposes `command` and answers `call` with its outcome. */
  submit(call: UnaryApiCall, command: Uint8Array, encode: EncodeResult): void {
    this.#begin(call, command, encode, null, null);
  }

  /**
   * Proposes `command` in the name of whoever made the call, and goes on with what it answers, from within its apply; otherwise
   * `call` failed, unless `refused` says that it takes care of a refusal.
   */
  submitThen(
    call: UnaryApiCall,
    command: Uint8Array,
    then: WithResult,
    refused: WithRefusal | null = null,
  ): void {
    this.#begin(call, command, null, then, refused);
  }

  #begin(
    call: UnaryApiCall,
    command: Uint8Array,
    encode: EncodeResult | null,
    goOn: WithResult | null,
    refused: WithRefusal | null,
  ): void {
    const { limits, replication } = this.options;
    if (command.length > limits.requestBytesMax) {
      failWith(call, "KV_REQUEST_TOO_LARGE");
      return;
    }
    const alarmed = this.#quota.refuse(command);
    if (alarmed !== null) {
      failWith(call, alarmed);
      return;
    }
    const status = replication.status();
    if (status.committed > status.applied + limits.applyLagMax) {
      failWith(call, "KV_REQUEST_TOO_MANY_REQUESTS");
      return;
    }
    this.#propose(call, command, encode, goOn, refused);
  }

  #propose(
    call: UnaryApiCall,
    command: Uint8Array,
    encode: EncodeResult | null,
    goOn: WithResult | null,
    refused: WithRefusal | null,
  ): void {
    const signed = this.auth.sign(call, command);
    const submission = new Submission(this.options, this.#nowMs, call, signed, encode, goOn, refused);
    this.#enter(call, submission);
    this.#trySubmit(submission);
  }

  /**
   * A command of nobody's was refused where it was applied: access control was off when this member looked, so it asked for no name.
   * A refused command has changed nothing; if its sender has a name, it is proposed once more, with that on it.
   */
  #proposeNamed({ call, command, encode, goOn, refused }: Submission): void {
    this.auth.reconsider(call, "KV_USER_EMPTY", () => {
      if (this.auth.wantsName(call)) {
        failWith(call, "KV_USER_EMPTY");
      } else {
        this.#propose(call, command, encode, goOn, refused);
      }
    });
  }

  /** As {@link submit}, answered with a message that is not hot. */
  submitMessage(
    call: UnaryApiCall,
    command: Uint8Array,
    encode: (result: AppliedResult) => Uint8Array,
  ): void {
    this.submit(call, command, (writer, _header, result) => writer.bytes(encode(result)));
  }

  /** Why reads are refused while the members' states are known to differ; null when they are not. */
  refuseRead(): KvErrorCode | null {
    return this.options.store.alarms().some(({ alarm }) => alarm === "corrupt") ? "KV_CORRUPT" : null;
  }

  /**
   * Proposes a command of the server's own. `done` is called once, with the outcome or, when none came in time, with an
   * unknown one.
   */
  propose(command: Uint8Array, done: (outcome: SubmitOutcome) => void): void {
    const pending = this.#waitAlone((reason) => done({ kind: "unknown", reason }));
    let ended = false;
    const handle = this.options.replication.submit(this.auth.signOwn(command), (outcome) => {
      ended = true;
      if (this.pending.settle(pending)) {
        done(outcome);
      }
    });
    pending.handle = ended ? null : handle;
  }

  /** Calls back once: with null once reads are linearizable, or with why they are not. */
  barrier(done: (refused: KvErrorCode | null) => void): void {
    const pending = this.#waitAlone((reason) => done(reason === "timeout" ? "KV_TIMEOUT" : "KV_STOPPED"));
    let ended = false;
    const handle = this.options.replication.readBarrier((outcome) => {
      ended = true;
      if (this.pending.settle(pending)) {
        done(outcome.kind === "ready" ? null : refusalCode(outcome.reason));
      }
    });
    pending.handle = ended ? null : handle;
  }

  /** A wait for which no client's call stands. */
  #waitAlone(onEnd: (reason: "timeout" | "stopped") => void): Pending {
    const deadlineMs = this.#nowMs + this.options.limits.requestTimeoutMs;
    const pending = new PendingCallbacks(
      this.#nowMs,
      deadlineMs,
      () => onEnd("timeout"),
      () => onEnd("stopped"),
    );
    this.pending.add(pending);
    return pending;
  }

  #trySubmit(submission: Submission): void {
    submission.told = false;
    const handle = this.options.replication.submit(submission.command, (outcome) => {
      submission.told = true;
      if (this.#lacksLeader(outcome)) {
        this.#park(submission, () => this.#trySubmit(submission));
      } else if (this.pending.settle(submission)) {
        this.#finishSubmit(submission, outcome);
      }
    });
    submission.handle = submission.told ? null : handle;
  }

  /** Calls `ready` once reads are linearizable; otherwise `call` failed. */
  readBarrier(call: ApiCall, ready: () => void): void {
    const pending = this.wait(call, () => failWith(call, "KV_TIMEOUT"));
    this.#tryBarrier(call, pending, ready);
  }

  #tryBarrier(call: ApiCall, pending: Pending, ready: () => void): void {
    let ended = false;
    const handle = this.options.replication.readBarrier((outcome) => {
      ended = true;
      if (this.#lacksLeader(outcome)) {
        this.#park(pending, () => this.#tryBarrier(call, pending, ready));
      } else if (this.pending.settle(pending)) {
        this.#finishBarrier(call, outcome, ready);
      }
    });
    pending.handle = ended ? null : handle;
  }

  /**
   * ETCD: requests wait for a leader, up to their timeout, instead of failing while one is elected. What was refused certainly
   * never entered a log, so asking again does nothing twice.
   */
  #lacksLeader(outcome: SubmitOutcome | ReadOutcome): boolean {
    return (
      outcome.kind === "refused" &&
      (outcome.reason === "no-leader" || outcome.reason === "not-leader" || outcome.reason === "transferring")
    );
  }

  #park(pending: Pending, retry: () => void): void {
    if (!pending.settled) {
      pending.handle = null;
      this.#parked.push({ pending, retry });
    }
  }

  #finishSubmit(submission: Submission, outcome: SubmitOutcome): void {
    const { call, encode, goOn, refused } = submission;
    switch (outcome.kind) {
      case "applied": {
        const { result } = outcome;
        if (result.type === "refused") {
          if (refused?.(result.code) === true) {
            return;
          }
          if (result.code === "KV_USER_EMPTY" && this.auth.wantsName(call)) {
            this.#proposeNamed(submission);
          } else {
            failWith(call, result.code);
          }
        } else if (encode !== null) {
          this.#respondResult(call, encode, result);
        } else {
          goOn?.(result);
        }
        return;
      }
      case "refused":
        failWith(call, refusalCode(outcome.reason));
        return;
      case "unknown":
        failWith(call, unknownCode(outcome.reason));
    }
  }

  #finishBarrier(call: ApiCall, outcome: ReadOutcome, ready: () => void): void {
    if (outcome.kind === "ready") {
      ready();
    } else {
      failWith(call, refusalCode(outcome.reason));
    }
  }

  /** Enters a wait that `call` stands behind; whoever settles it answers. */
  wait(call: ApiCall, onTimeout: () => void): Pending {
    const deadlineMs = this.#nowMs + this.options.limits.requestTimeoutMs;
    const stopped = (): void => failWith(call, "KV_STOPPED");
    const pending = new PendingCallbacks(this.#nowMs, deadlineMs, onTimeout, stopped);
    this.#enter(call, pending);
    return pending;
  }

  #enter(call: ApiCall, pending: Pending): void {
    this.pending.add(pending);
    call.onCancel(() => this.pending.cancel(pending));
  }
}
