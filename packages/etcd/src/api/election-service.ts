/** v3electionpb.Election: the first key under an election's name leads, and its value is what the leader proclaims. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { assert, emptyBytes } from "@quorate/base";
import type { KeyValue, RequestOp } from "@quorate/kv";
import {
  type CampaignRequest,
  CampaignRequestSchema,
  CampaignResponseSchema,
  type LeaderKey,
  LeaderRequestSchema,
  LeaderResponseSchema,
  ProclaimRequestSchema,
  ProclaimResponseSchema,
  ResignRequestSchema,
  ResignResponseSchema,
} from "#generated/v3electionpb_pb.js";
import type { StreamApiCall, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail, failUnknown, failWith } from "./failures.ts";
import { type FirstCome, guarded, type Place, putOf } from "./first-come.ts";

/** ETCD: the texts of its election. */
const noLeader = "election: no leader";
const notLeader = "election: not leader";
const missingLeader = '"leader" field must be provided';

/** Elections, through one member. */
export class ElectionService {
  readonly #context: ApiContext;
  readonly #queue: FirstCome;
  readonly #observing: Map<StreamApiCall, () => void> = new Map();

  constructor(context: ApiContext, queue: FirstCome) {
    this.#context = context;
    this.#queue = queue;
  }

  /** Election.Campaign: answers when the campaign is won. */
  campaign(input: Uint8Array, call: UnaryApiCall): void {
    const request = decodeOrFail(call, input, (bytes) =>
      decodeMessage(() => fromBinary(CampaignRequestSchema, bytes)),
    );
    if (request === null || !this.#context.admit(call, false)) {
      return;
    }
    const own = { name: request.name.slice(), value: request.value.slice() };
    this.#queue.enter(call, own.name, request.lease, own.value, (place, found) => {
      if (found === null || sameBytes(found.value, own.value)) {
        this.#waitToLead(call, own.name, place);
      } else {
        // ETCD: whoever campaigns again with another value proclaims it.
        this.#change(call, place, [putOf(place.key, own.value, place.lease)], () =>
          this.#waitToLead(call, own.name, place),
        );
      }
    });
  }

  /** Election.Proclaim: the leader gives its key another value. */
  proclaim(input: Uint8Array, call: UnaryApiCall): void {
    const request = decodeOrFail(call, input, (bytes) =>
      decodeMessage(() => fromBinary(ProclaimRequestSchema, bytes)),
    );
    const place = request === null ? null : this.#placeOf(call, request.leader);
    if (request !== null && place !== null) {
      this.#change(call, place, [putOf(place.key, request.value, place.lease)], (revision) => {
        const header = this.#context.messageHeader(revision);
        call.respond(toBinary(ProclaimResponseSchema, create(ProclaimResponseSchema, { header })));
      });
    }
  }

  /** Election.Resign. ETCD: whoever leads no more has resigned. */
  resign(input: Uint8Array, call: UnaryApiCall): void {
    const request = decodeOrFail(call, input, (bytes) =>
      decodeMessage(() => fromBinary(ResignRequestSchema, bytes)),
    );
    const place = request === null ? null : this.#placeOf(call, request.leader);
    if (place === null) {
      return;
    }
    const remove = { type: "delete-range", key: place.key, rangeEnd: emptyBytes, prevKv: false } as const;
    const command = this.#context.encode(guarded(place.key, place.createRevision, [remove], []));
    this.#context.submitMessage(call, command, ({ revision }) =>
      toBinary(
        ResignResponseSchema,
        create(ResignResponseSchema, { header: this.#context.messageHeader(revision) }),
      ),
    );
  }

  /** Election.Leader: who leads now. */
  leader(input: Uint8Array, call: UnaryApiCall): void {
    const request = decodeOrFail(call, input, (bytes) =>
      decodeMessage(() => fromBinary(LeaderRequestSchema, bytes)),
    );
    if (request === null || !this.#context.admit(call, false)) {
      return;
    }
    const name = request.name.slice();
    this.#context.readBarrier(call, () => this.#answerLeader(call, name));
  }

  #answerLeader(call: UnaryApiCall, name: Uint8Array): void {
    const refused = this.#queue.refuseRead(call, name);
    if (refused !== null) {
      this.#context.auth.reconsider(call, refused, () => this.#answerLeader(call, name));
      return;
    }
    const first = this.#queue.first(name);
    if (first === null) {
      failUnknown(call, noLeader);
    } else {
      call.respond(this.#leaderResponse(first));
    }
  }

  /** Election.Observe: each leader and each of its proclamations; a slow client misses those between. */
  observe(input: Uint8Array, call: StreamApiCall): void {
    const request = decodeOrFail(call, input, (bytes) =>
      decodeMessage(() => fromBinary(LeaderRequestSchema, bytes)),
    );
    if (request === null || !this.#context.admit(call, false)) {
      return;
    }
    this.#observe(call, request.name.slice());
  }

  #observe(call: StreamApiCall, name: Uint8Array): void {
    const refused = this.#queue.refuseRead(call, name);
    if (refused !== null) {
      this.#context.auth.appeal(call, refused, () => this.#observe(call, name));
      return;
    }
    let told = 0;
    let blocked = false;
    const tell = (first: KeyValue | null): void => {
      if (first !== null && first.modRevision !== told && !blocked && !call.ended) {
        told = first.modRevision;
        blocked = !call.write(this.#leaderResponse(first));
      }
    };
    call.onDrain(() => {
      blocked = false;
      tell(this.#queue.first(name));
    });
    const end = this.#queue.observe(name, tell);
    this.#observing.set(call, end);
    call.onCancel(() => {
      this.#observing.delete(call);
      end();
    });
  }

  /** Ends the streams. */
  stop(): void {
    for (const [call, end] of this.#observing) {
      end();
      failWith(call, "KV_STOPPED");
    }
    this.#observing.clear();
  }

  #waitToLead(call: UnaryApiCall, name: CampaignRequest["name"], place: Place): void {
    // ETCD: differs, a campaign whose key ended with its lease has not won.
    this.#queue.wait(call, name, place, notLeader, () => {
      const { createRevision, key, lease } = place;
      const message = create(CampaignResponseSchema, {
        header: this.#context.messageHeader(this.#context.options.store.revision),
        leader: { name, key, rev: BigInt(createRevision), lease },
      });
      call.respond(toBinary(CampaignResponseSchema, message));
    });
  }

  /** Runs `ops` if the place is still the client's; otherwise `call` failed. */
  #change(
    call: UnaryApiCall,
    place: Place,
    ops: readonly RequestOp[],
    done: (revision: number) => void,
  ): void {
    const command = this.#context.encode(guarded(place.key, place.createRevision, ops, []));
    this.#context.submitThen(call, command, (result) => {
      assert(result.type === "txn", "election: a transaction answered by something else");
      if (result.succeeded) {
        done(result.revision);
      } else {
        failUnknown(call, notLeader);
      }
    });
  }

  #placeOf(call: UnaryApiCall, leader: LeaderKey | undefined): Place | null {
    if (!this.#context.admit(call, false)) {
      return null;
    }
    if (leader === undefined) {
      failUnknown(call, missingLeader);
      return null;
    }
    if (leader.rev < 1n || leader.rev > BigInt(Number.MAX_SAFE_INTEGER) || leader.key.length === 0) {
      failUnknown(call, notLeader);
      return null;
    }
    const { key, lease, rev } = leader;
    return { key: key.slice(), lease, createRevision: Number(rev), revision: 0 };
  }

  #leaderResponse(kv: KeyValue): Uint8Array {
    const message = create(LeaderResponseSchema, {
      header: this.#context.messageHeader(this.#context.options.store.revision),
      kv: {
        key: kv.key,
        value: kv.value,
        lease: kv.lease,
        version: BigInt(kv.version),
        createRevision: BigInt(kv.createRevision),
        modRevision: BigInt(kv.modRevision),
      },
    });
    return toBinary(LeaderResponseSchema, message);
  }
}

function sameBytes(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, i) => byte === right[i]);
}
