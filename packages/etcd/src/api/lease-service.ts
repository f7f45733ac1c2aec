/** etcdserverpb.Lease: grants and revocations go through the log, what concerns time through the lease desk. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { assert, ByteWriter, emptyBytes } from "@quorate/base";
import { type KvErrorCode, type KvLease, leaseTtlSecondsMax, type Principal } from "@quorate/kv";
import {
  LeaseGrantRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from "#generated/etcdserverpb_pb.js";
import { encodeHeaderOnly } from "../codec/kv-responses.ts";
import { decodeLeaseKeepAlive, encodeLeaseGrant, encodeLeaseKeepAlive } from "../codec/lease-response.ts";
import { type DeskAnswer, LeaseDesk } from "../lease/lease-desk.ts";
import type { BidiApiCall, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail, failWith } from "./failures.ts";
import { LongCalls } from "./long-calls.ts";
import type { EncodeResult } from "./submission.ts";

/** Keep-alives of one stream that may wait for their answers. */
const keepAlivesMax = 1000;
/** Leases that are listed in the order in which they end. PERF: sorting more would take longer than a slice may. */
const sortedLeasesMax = 5000;
/** Leases whose keys are looked at in one slice, where rights depend on them. */
const leasesPerSlice = 500;

const encodeGrant: EncodeResult = (writer, header, result) => {
  assert(result.type === "lease-grant", "lease service: a grant answered by something else");
  encodeLeaseGrant(writer, header, result.id, result.ttlSeconds);
};

const encodeRevoke: EncodeResult = (writer, header, result) => {
  assert(result.type === "lease-revoke", "lease service: a revocation answered by something else");
  encodeHeaderOnly(writer, header);
};

/** What the desk tells of a lease that there is. */
type FoundLease = Extract<DeskAnswer, { readonly status: "found" }>;

/** Leases of one member. */
export class LeaseService {
  readonly desk: LeaseDesk;
  readonly #context: ApiContext;
  readonly #calls: LongCalls;
  readonly #writer = new ByteWriter(256);

  constructor(context: ApiContext) {
    this.#context = context;
    this.desk = new LeaseDesk(context);
    this.#calls = new LongCalls(context);
  }

  tick(nowMs: number): void {
    this.desk.tick(nowMs);
    this.#calls.tick();
  }

  stop(): void {
    this.#calls.stop();
  }

  /** Lease.LeaseGrant. */
  grant(input: Uint8Array, call: UnaryApiCall): void {
    const request = decodeOrFail(call, input, (bytes) =>
      decodeMessage(() => fromBinary(LeaseGrantRequestSchema, bytes)),
    );
    if (request === null || !this.#context.admit(call, false)) {
      return;
    }
    if (request.TTL > BigInt(leaseTtlSecondsMax)) {
      failWith(call, "KV_LEASE_TTL_TOO_LARGE");
      return;
    }
    const { leaseTtlSecondsMin } = this.#context.options.limits;
    const asked = request.TTL > 0n ? Number(request.TTL) : 0;
    const ttlSeconds = Math.max(asked, leaseTtlSecondsMin);
    const id = request.ID === 0n ? chooseLeaseId(this.#context) : request.ID;
    this.#context.submit(call, this.#context.encode({ type: "lease-grant", id, ttlSeconds }), encodeGrant);
  }

  /** Lease.LeaseRevoke. */
  revoke(input: Uint8Array, call: UnaryApiCall): void {
    const request = decodeOrFail(call, input, (bytes) =>
      decodeMessage(() => fromBinary(LeaseRevokeRequestSchema, bytes)),
    );
    if (request !== null && this.#context.admit(call, false)) {
      const command = this.#context.encode({ type: "lease-revoke", id: request.ID, fenceTerm: 0 });
      this.#context.submit(call, command, encodeRevoke);
    }
  }

  /** Lease.LeaseTimeToLive. ETCD: −1 when the lease is gone, which is no error. */
  timeToLive(input: Uint8Array, call: UnaryApiCall): void {
    const request = decodeOrFail(call, input, (bytes) =>
      decodeMessage(() => fromBinary(LeaseTimeToLiveRequestSchema, bytes)),
    );
    if (request === null || !this.#context.admit(call, false)) {
      return;
    }
    const question = { kind: "time-to-live", id: request.ID, withKeys: request.keys } as const;
    this.desk.ask(question, (answer) => {
      if (call.ended) {
        return;
      }
      if (typeof answer === "string") {
        failWith(call, answer);
        return;
      }
      this.#answerTimeToLive(call, request.ID, answer.status === "found" ? answer : null);
    });
  }

  #answerTimeToLive(call: UnaryApiCall, id: bigint, found: FoundLease | null): void {
    const refused = this.#refuseKeys(call, found?.keys ?? []);
    if (refused !== null) {
      // The keys are views of this turn.
      const kept = found && { ...found, keys: found.keys.map((key) => key.slice()) };
      this.#context.auth.appeal(call, refused, () => this.#answerTimeToLive(call, id, kept));
      return;
    }
    const message = create(LeaseTimeToLiveResponseSchema, {
      header: this.#header(),
      ID: id,
      TTL: found === null ? -1n : BigInt(found.ttlSeconds),
      grantedTTL: BigInt(found?.grantedTtlSeconds ?? 0),
      keys: [...(found?.keys ?? [])],
    });
    call.respond(toBinary(LeaseTimeToLiveResponseSchema, message));
  }

  /** Lease.LeaseLeases. ETCD: from this member's state, which may lag; the leader lists them in the order they end. */
  leases(_input: Uint8Array, call: UnaryApiCall): void {
    if (!this.#context.admit(call, false)) {
      return;
    }
    const { store } = this.#context.options;
    this.#whenReadable(call, () => this.#list(call, store.leaseCount));
  }

  #list(call: UnaryApiCall, count: number): void {
    const { store } = this.#context.options;
    const leases = count === 0 ? [] : this.#inOrderOfEnd(store.leasesAfter(null, count));
    const message = create(LeaseLeasesResponseSchema, {
      header: this.#header(),
      leases: leases.map(({ id }) => ({ ID: id })),
    });
    call.respond(toBinary(LeaseLeasesResponseSchema, message));
  }

  /** Lease.LeaseKeepAlive: answers in the order of the questions. */
  keepAlive(call: BidiApiCall): void {
    if (!this.#context.admit(call, false)) {
      return;
    }
    const stream = new KeepAliveStream(call, (id, answer) => this.#encodeKeepAlive(id, answer));
    this.#calls.add(call, () => {});
    call.onMessage((message) => {
      const id = decodeOrFail(call, message, decodeLeaseKeepAlive);
      if (id === null) {
        this.#calls.ended(call);
        return;
      }
      const place = stream.expect(id);
      const settle = (answer: DeskAnswer): void => {
        if (!stream.settle(place, answer)) {
          this.#calls.ended(call);
        }
      };
      const judge = (principal: Principal | null): KvErrorCode | null => this.#refuseRenewal(principal, id);
      this.#context.auth.judgeEach(call, judge, (refused) => {
        if (refused === null) {
          this.desk.ask({ kind: "renew", id, withKeys: false }, settle);
        } else {
          settle(refused);
        }
      });
    });
    // PERF: whoever wants one answer, as KeepAliveOnce of Go's client, ends its side and cancels in one breath; then there is nobody
    // to say goodbye to.
    const { defer } = this.#context.options;
    call.onEnd(() => stream.finish(() => defer.defer(() => this.#calls.finish(call))));
  }

  /** A view that lasts until the next one. */
  #encodeKeepAlive(id: bigint, answer: Exclude<DeskAnswer, string>): Uint8Array {
    const { store } = this.#context.options;
    const writer = this.#writer;
    writer.reset();
    const ttlSeconds = answer.status === "found" ? answer.ttlSeconds : 0;
    encodeLeaseKeepAlive(writer, this.#context.header(store.revision), id, ttlSeconds);
    return writer.view();
  }

  /** ETCD: whoever could not write the keys of a lease does not keep them alive either. */
  #refuseRenewal(principal: Principal | null, id: bigint): KvErrorCode | null {
    const { store } = this.#context.options;
    const { auth } = store;
    const keysOf = (lease: bigint): readonly Uint8Array[] => store.leaseKeys(lease);
    return auth.refuseStranger(principal) ?? auth.refuseLease(principal, "write", id, keysOf);
  }

  /** ETCD: the keys of a lease are told to who may read each of them. */
  #refuseKeys(call: UnaryApiCall, keys: readonly Uint8Array[]): KvErrorCode | null {
    for (const key of keys) {
      const refused = this.#context.auth.refuseRead(call, key, emptyBytes);
      if (refused !== null) {
        return refused;
      }
    }
    return null;
  }

  /** Goes on if whoever made the call may read the keys of every lease, slice by slice; otherwise it failed. */
  #whenReadable(call: UnaryApiCall, then: () => void): void {
    const { defer, store } = this.#context.options;
    const slice = (after: bigint | null): void => {
      if (call.ended) {
        return;
      }
      const leases = store.leasesAfter(after, leasesPerSlice);
      for (const { id } of leases) {
        const refused = this.#refuseKeys(call, store.leaseKeys(id));
        if (refused !== null) {
          this.#context.auth.appeal(call, refused, () => this.#whenReadable(call, then));
          return;
        }
      }
      const last = leases.at(-1);
      if (last === undefined || leases.length < leasesPerSlice) {
        then();
      } else {
        defer.defer(() => slice(last.id));
      }
    };
    const stranger = store.auth.refuseStranger(this.#context.auth.principalOf(call));
    if (stranger !== null) {
      this.#context.auth.appeal(call, stranger, () => this.#whenReadable(call, then));
    } else if (this.#context.auth.refuseAdmin(call) === null) {
      then();
    } else {
      slice(null);
    }
  }

  #header(): ReturnType<ApiContext["messageHeader"]> {
    return this.#context.messageHeader(this.#context.options.store.revision);
  }

  #inOrderOfEnd(leases: readonly KvLease[]): readonly KvLease[] {
    if (leases.length > sortedLeasesMax) {
      return leases;
    }
    const { nowMs } = this.#context;
    const ends = new Map(leases.map(({ id }) => [id, this.desk.lessor.remainingMs(id, nowMs) ?? 0]));
    return [...leases].sort((left, right) => (ends.get(left.id) ?? 0) - (ends.get(right.id) ?? 0));
  }
}

interface Slot {
  readonly id: bigint;
  answer: DeskAnswer | null;
}

/** One stream of keep-alives: several are asked at once, their answers leave in order. */
class KeepAliveStream {
  readonly #call: BidiApiCall;
  readonly #encode: (id: bigint, answer: Exclude<DeskAnswer, string>) => Uint8Array;
  readonly #slots: Slot[] = [];
  #blocked = false;
  #paused = false;
  #onEmpty: (() => void) | null = null;

  constructor(call: BidiApiCall, encode: (id: bigint, answer: Exclude<DeskAnswer, string>) => Uint8Array) {
    this.#call = call;
    this.#encode = encode;
    call.onDrain(() => {
      this.#blocked = false;
      this.#steer();
    });
  }

  /** A place for the answer to the next question. */
  expect(id: bigint): Slot {
    const slot: Slot = { id, answer: null };
    this.#slots.push(slot);
    this.#steer();
    return slot;
  }

  /** Fills a place and sends what is complete; false when the call has ended by it. */
  settle(slot: Slot, answer: DeskAnswer): boolean {
    assert(slot.answer === null, "keep-alive: answered twice");
    slot.answer = answer;
    while (!this.#call.ended && this.#slots[0] !== undefined && this.#slots[0].answer !== null) {
      const { id, answer: ready } = this.#slots[0];
      this.#slots.shift();
      if (typeof ready === "string") {
        failWith(this.#call, ready);
      } else {
        this.#blocked = !this.#call.write(this.#encode(id, ready)) || this.#blocked;
      }
    }
    if (this.#call.ended) {
      return false;
    }
    this.#steer();
    if (this.#slots.length === 0) {
      this.#onEmpty?.();
    }
    return true;
  }

  /** Calls `done` when everything asked is answered. */
  finish(done: () => void): void {
    if (this.#slots.length === 0) {
      done();
    } else {
      this.#onEmpty = done;
    }
  }

  /** Takes no more questions while answers cannot leave, or too many are open. */
  #steer(): void {
    const full = this.#blocked || this.#slots.length >= keepAlivesMax;
    if (full !== this.#paused && !this.#call.ended) {
      this.#paused = full;
      if (full) {
        this.#call.pause();
      } else {
        this.#call.resume();
      }
    }
  }
}

/** An id for a lease that the server names. ETCD: a positive int64. */
export function chooseLeaseId(context: ApiContext): bigint {
  const { random, store } = context.options;
  for (;;) {
    const high = BigInt(random.uint32() >>> 1);
    const id = (high << 32n) | BigInt(random.uint32());
    if (id !== 0n && store.lease(id) === null) {
      return id;
    }
  }
}
