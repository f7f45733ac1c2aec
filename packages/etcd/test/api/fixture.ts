/** One member on a fake log: what is submitted is applied at once, unless a test takes the outcome into its hands. */
import type { DescMessage, MessageInitShape, MessageShape } from "@bufbuild/protobuf";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Prng } from "@quorate/base";
import type {
  ApiCall,
  ApiOptions,
  BidiApiCall,
  CancelHandle,
  ClusterMember,
  ReadOutcome,
  ReplicationStatus,
  StreamApiCall,
  SubmitOutcome,
  UnaryApiCall,
} from "@quorate/etcd";
import { apiLimitsDefault, EtcdApi } from "@quorate/etcd";
import { KvStateMachine } from "@quorate/kv";

export class FakeCall implements UnaryApiCall, StreamApiCall {
  readonly path: string;
  readonly timeoutMs = null;
  readonly metadata: ApiCall["metadata"];
  ended = false;
  answer: Uint8Array | null = null;
  readonly written: Uint8Array[] = [];
  failure: { readonly code: number; readonly message: string } | null = null;
  #cancel: (() => void) | null = null;

  constructor(path: string, metadata: Readonly<Record<string, string>> = {}) {
    this.path = path;
    this.metadata = { text: (name) => metadata[name] ?? null };
  }

  respond(message: Uint8Array): void {
    this.#end();
    this.answer = message.slice();
  }

  fail(code: number, message: string): void {
    this.#end();
    this.failure = { code, message };
  }

  onCancel(listener: () => void): void {
    this.#cancel = listener;
  }

  write(message: Uint8Array): boolean {
    this.written.push(message.slice());
    return true;
  }

  onDrain(): void {}

  end(): void {
    this.#end();
  }

  /** The client goes away. */
  cancel(): void {
    this.ended = true;
    this.#cancel?.();
  }

  #end(): void {
    if (this.ended) {
      throw new Error(`${this.path} answered twice`);
    }
    this.ended = true;
  }
}

/** A stream whose transport a test may fill and drain. */
export class FakeStream extends FakeCall implements BidiApiCall {
  /** Writes that are taken before the transport is full; then each says so until {@link drain}. */
  room = Number.POSITIVE_INFINITY;
  paused = false;
  #message: ((message: Uint8Array) => void) | null = null;
  #end: (() => void) | null = null;
  #drain: (() => void) | null = null;

  override write(message: Uint8Array): boolean {
    if (this.ended) {
      throw new Error(`${this.path} written after its end`);
    }
    this.written.push(message.slice());
    this.room--;
    return this.room > 0;
  }

  override onDrain(listener?: () => void): void {
    this.#drain = listener ?? null;
  }

  onMessage(listener: (message: Uint8Array) => void): void {
    this.#message = listener;
  }

  onEnd(listener: () => void): void {
    this.#end = listener;
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    this.paused = false;
  }

  /** The client sends a message; its bytes are gone when the listener has returned. */
  send<D extends DescMessage>(schema: D, init: MessageInitShape<D>): void {
    const bytes = toBinary(schema, create(schema, init));
    this.#message?.(bytes);
    bytes.fill(0xee);
  }

  sendBytes(bytes: Uint8Array): void {
    this.#message?.(bytes);
  }

  /** The client says that it has nothing more to send. */
  finish(): void {
    this.#end?.();
  }

  drain(room: number): void {
    this.room = room;
    this.#drain?.();
  }

  /** What was written since the last time, decoded. */
  take<D extends DescMessage>(schema: D): MessageShape<D>[] {
    return this.written.splice(0).map((bytes) => fromBinary(schema, bytes));
  }
}

type Submitted = (outcome: SubmitOutcome) => void;
type Asked = (outcome: ReadOutcome) => void;

/** A member whose log and barrier a test may hold back. */
export class Member {
  readonly machine = new KvStateMachine();
  readonly api: EtcdApi;
  /** Held back: commands and barriers wait here for the test to settle them. */
  held = false;
  readonly submitted: { readonly command: Uint8Array; readonly done: Submitted }[] = [];
  readonly barriers: Asked[] = [];
  /** Every command that was applied, in order. */
  readonly applied: Uint8Array[] = [];
  cancelledCount = 0;
  barrierCount = 0;
  members: readonly ClusterMember[] = [];
  readonly deferred: (() => void)[] = [];
  readonly random = new Prng(7);
  /** Term of the entries that are applied. */
  entryTerm = 7;
  status: ReplicationStatus = {
    memberId: 2 ** 53 - 1,
    term: 7,
    leader: 9,
    committed: 0,
    applied: 0,
    isLearner: false,
    leaderSinceMs: 0,
    connectedSinceMs: 0,
  };
  #index = 0;

  constructor(overrides: Partial<ApiOptions> = {}) {
    this.api = new EtcdApi({
      replication: {
        submit: (command, done) => this.#submit(command, done),
        readBarrier: (done) => this.#readBarrier(done),
        status: () => this.status,
      },
      store: this.machine,
      membership: { clusterId: 77, members: () => this.members },
      defer: { defer: (work) => this.deferred.push(work) },
      random: { uint32: () => this.random.uint32() },
      limits: apiLimitsDefault(),
      about: { version: "3.7.3", storageVersion: "3.7.0", quotaBytes: 0 },
      nowMs: 1000,
      ...overrides,
    });
  }

  apply(command: Uint8Array, done: Submitted): void {
    this.#index++;
    this.applied.push(command.slice());
    const result = this.machine.apply(command, { index: this.#index, term: this.entryTerm });
    done({ kind: "applied", index: this.#index, result });
  }

  /** Begins a call; look at what became of it. */
  call<D extends DescMessage>(
    path: string,
    schema: D,
    init: MessageInitShape<D>,
    metadata: Readonly<Record<string, string>> = {},
  ): FakeCall {
    return this.callBytes(path, toBinary(schema, create(schema, init)), metadata);
  }

  callBytes(path: string, input: Uint8Array, metadata: Readonly<Record<string, string>> = {}): FakeCall {
    const method = this.api.methods.get(path);
    const call = new FakeCall(path, metadata);
    if (method === undefined || method.kind === "bidi") {
      throw new Error(`${path} takes no single request`);
    }
    method.handle(input, call);
    return call;
  }

  /** Begins a stream in both directions. */
  stream(path: string, metadata: Readonly<Record<string, string>> = {}): FakeStream {
    const method = this.api.methods.get(path);
    const call = new FakeStream(path, metadata);
    if (method?.kind !== "bidi") {
      throw new Error(`${path} is no stream in both directions`);
    }
    method.handle(call);
    return call;
  }

  /** Runs what was put off, and what that puts off. */
  runDeferred(): void {
    for (let work = this.deferred.shift(); work !== undefined; work = this.deferred.shift()) {
      work();
    }
  }

  /** A call that answers at once. */
  ask<D extends DescMessage, A extends DescMessage>(
    path: string,
    schema: D,
    init: MessageInitShape<D>,
    answer: A,
  ): MessageShape<A> {
    const call = this.call(path, schema, init);
    if (call.answer === null) {
      throw new Error(`${path}: ${call.failure?.message ?? "no answer"}`);
    }
    return fromBinary(answer, call.answer);
  }

  #submit(command: Uint8Array, done: Submitted): CancelHandle {
    if (this.held) {
      this.submitted.push({ command, done });
    } else {
      this.apply(command, done);
    }
    return { cancel: () => this.cancelledCount++ };
  }

  #readBarrier(done: Asked): CancelHandle {
    this.barrierCount++;
    if (this.held) {
      this.barriers.push(done);
    } else {
      done({ kind: "ready" });
    }
    return { cancel: () => this.cancelledCount++ };
  }
}

export const text = (value: string): Uint8Array => new TextEncoder().encode(value);
export const string = (value: Uint8Array): string => new TextDecoder().decode(value);
