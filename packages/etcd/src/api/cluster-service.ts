/**
 * etcdserverpb.Cluster: who belongs to the cluster. A change is checked against the members of one configuration and made
 * only if that one is still in force; otherwise it is checked again.
 */
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import type { KvErrorCode } from "@quorate/kv";
import {
  MemberAddRequestSchema,
  MemberAddResponseSchema,
  MemberListRequestSchema,
  MemberListResponseSchema,
  MemberPromoteRequestSchema,
  MemberPromoteResponseSchema,
  MemberRemoveRequestSchema,
  MemberRemoveResponseSchema,
  MemberUpdateRequestSchema,
  MemberUpdateResponseSchema,
} from "#generated/etcdserverpb_pb.js";
import type { MembershipOutcome, MembershipStep, ReconfigurationPort, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import {
  decodeMessage,
  decodeOrFail,
  failUnimplemented,
  failWith,
  refusalCode,
  unknownCode,
} from "./failures.ts";
import {
  decodeLearnerQuestion,
  decodeLearnerStand,
  encodeLearnerQuestion,
  encodeLearnerStand,
  type LearnerStand,
  learnerStand,
} from "./leader-inquiry.ts";
import { refuseRisk, refuseStep } from "./member-rules.ts";
import { parsePeerUrls } from "./peer-urls.ts";

/** Ids above are no member's: ids have 53 bits. */
const memberIdMax = BigInt(Number.MAX_SAFE_INTEGER);

/** A change that a client waits for. */
interface Change {
  readonly call: UnaryApiCall;
  readonly step: MembershipStep;
  readonly answer: () => Uint8Array;
  /** After it the change is not tried again. */
  readonly deadlineMs: number;
}

/** A member as the messages have it. */
interface MemberMessage {
  ID: bigint;
  name: string;
  peerURLs: string[];
  clientURLs: string[];
  isLearner: boolean;
}

const standRefusals: { readonly [S in Exclude<LearnerStand, "ready" | "failed">]: KvErrorCode } = {
  behind: "KV_LEARNER_NOT_READY",
  absent: "KV_MEMBER_NOT_FOUND",
};

/** Members of one cluster, from one of them. */
export class ClusterService {
  readonly #context: ApiContext;
  /** Changes that met another one under way; they are tried again with the next tick. */
  #again: Change[] = [];

  constructor(context: ApiContext) {
    this.#context = context;
  }

  /** Tries again what waits for another change. */
  tick(): void {
    const again = this.#again;
    this.#again = [];
    for (const change of again) {
      if (this.#context.nowMs >= change.deadlineMs && !change.call.ended) {
        failWith(change.call, "KV_TIMEOUT");
      } else if (!change.call.ended) {
        this.#attempt(change);
      }
    }
  }

  /** Ends what waits for another change. */
  stop(): void {
    for (const { call } of this.#again.splice(0)) {
      if (!call.ended) {
        failWith(call, "KV_STOPPED");
      }
    }
  }

  /** Cluster.MemberList. ETCD: linearizable only when asked for; its header carries no revision. */
  list(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#decode(call, input, MemberListRequestSchema);
    if (request === null) {
      return;
    }
    if (request.linearizable) {
      const { auth } = this.#context;
      this.#context.readBarrier(call, () => auth.forUser(call, () => call.respond(this.#list())));
    } else {
      call.respond(this.#list());
    }
  }

  /** Cluster.MemberAdd. */
  add(input: Uint8Array, call: UnaryApiCall): void {
    const port = this.#port(call);
    const request = port && this.#decode(call, input, MemberAddRequestSchema);
    if (port === null || request === null) {
      return;
    }
    const peerUrls = parsePeerUrls(request.peerURLs);
    if (peerUrls === null) {
      failWith(call, "KV_MEMBER_BAD_URLS");
      return;
    }
    const id = port.newMemberId(peerUrls);
    const op = request.isLearner ? "add-learner" : "add-voter";
    const answer = (): Uint8Array => {
      const message = this.#message();
      const member = message.members.find(({ ID }) => ID === BigInt(id));
      return toBinary(
        MemberAddResponseSchema,
        create(MemberAddResponseSchema, member === undefined ? message : { ...message, member }),
      );
    };
    this.#begin(call, { op, id, peerUrls }, answer);
  }

  /** Cluster.MemberRemove. */
  remove(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#port(call) && this.#decode(call, input, MemberRemoveRequestSchema);
    if (request !== null) {
      this.#beginWith(call, request.ID, "remove", () =>
        toBinary(MemberRemoveResponseSchema, create(MemberRemoveResponseSchema, this.#message())),
      );
    }
  }

  /** Cluster.MemberPromote. */
  promote(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#port(call) && this.#decode(call, input, MemberPromoteRequestSchema);
    if (request !== null) {
      this.#beginWith(call, request.ID, "promote", () =>
        toBinary(MemberPromoteResponseSchema, create(MemberPromoteResponseSchema, this.#message())),
      );
    }
  }

  /** Cluster.MemberUpdate. */
  update(input: Uint8Array, call: UnaryApiCall): void {
    const request = this.#port(call) && this.#decode(call, input, MemberUpdateRequestSchema);
    if (request === null) {
      return;
    }
    const peerUrls = parsePeerUrls(request.peerURLs);
    if (peerUrls === null) {
      failWith(call, "KV_MEMBER_BAD_URLS");
    } else if (request.ID > memberIdMax) {
      failWith(call, "KV_MEMBER_NOT_FOUND");
    } else {
      const answer = (): Uint8Array =>
        toBinary(MemberUpdateResponseSchema, create(MemberUpdateResponseSchema, this.#message()));
      this.#begin(call, { op: "update", id: Number(request.ID), peerUrls }, answer);
    }
  }

  /** Answers another member's question how far a learner is. */
  answerMember(question: Uint8Array): Uint8Array {
    const id = decodeLearnerQuestion(question);
    return encodeLearnerStand(id === null ? "failed" : this.#standHere(id));
  }

  #beginWith(call: UnaryApiCall, id: bigint, op: "remove" | "promote", answer: () => Uint8Array): void {
    if (id > memberIdMax) {
      failWith(call, "KV_MEMBER_NOT_FOUND");
    } else {
      this.#begin(call, { op, id: Number(id) }, answer);
    }
  }

  #begin(call: UnaryApiCall, step: MembershipStep, answer: () => Uint8Array): void {
    const deadlineMs = this.#context.nowMs + this.#context.options.limits.requestTimeoutMs;
    this.#attempt({ call, step, answer, deadlineMs });
  }

  /** The barrier makes the list that is checked as new as the request. */
  #attempt(change: Change): void {
    const { call, step } = change;
    this.#context.readBarrier(call, () => {
      if (step.op === "promote") {
        this.#promoteIfReady(change);
      } else {
        this.#check(change);
      }
    });
  }

  #promoteIfReady(change: Change): void {
    const { leaderPort } = this.#context.options;
    const here = this.#standHere(change.step.id);
    if (here !== "failed" || leaderPort === undefined) {
      this.#judge(change, here);
      return;
    }
    const pending = this.#context.wait(change.call, () => failWith(change.call, "KV_TIMEOUT"));
    leaderPort.askLeader(encodeLearnerQuestion(change.step.id), (bytes) => {
      if (this.#context.pending.settle(pending)) {
        this.#judge(change, decodeLearnerStand(bytes));
      }
    });
  }

  #standHere(id: number): LearnerStand {
    const { reconfiguration, replication } = this.#context.options;
    return learnerStand(reconfiguration?.progress() ?? null, replication.status().memberId, id);
  }

  #judge(change: Change, stand: LearnerStand): void {
    switch (stand) {
      case "ready":
        this.#check(change);
        break;
      case "failed":
        this.#again.push(change);
        break;
      default:
        failWith(change.call, standRefusals[stand]);
    }
  }

  #check(change: Change): void {
    const { limits, membership, reconfiguration, replication } = this.#context.options;
    const { call, step } = change;
    if (reconfiguration === undefined) {
      failUnimplemented(call);
      return;
    }
    const members = membership.members();
    const health = {
      self: replication.status().memberId,
      nowMs: this.#context.nowMs,
      connectedSinceMs: (id: number) => reconfiguration.connectedSinceMs(id),
    };
    const refused =
      (limits.strictReconfigCheck && refusesRiskFirst(step) ? refuseRisk(members, step, health) : null) ??
      refuseStep(members, step, limits.learnerCountMax) ??
      (limits.strictReconfigCheck ? refuseRisk(members, step, health) : null);
    if (refused === null) {
      this.#make(change, reconfiguration);
    } else {
      failWith(call, refused);
    }
  }

  #make(change: Change, port: ReconfigurationPort): void {
    const { call, step } = change;
    const pending = this.#context.wait(call, () => failWith(call, "KV_TIMEOUT"));
    let ended = false;
    const handle = port.change(step, port.confIndex, (outcome) => {
      ended = true;
      if (this.#context.pending.settle(pending)) {
        this.#finish(change, outcome);
      }
    });
    pending.handle = ended ? null : handle;
  }

  #finish(change: Change, outcome: MembershipOutcome): void {
    const { call } = change;
    if (outcome.kind === "applied") {
      call.respond(change.answer());
    } else if (outcome.kind === "unknown") {
      failWith(call, unknownCode(outcome.reason));
    } else if (outcome.reason === "conf-changed") {
      this.#again.push(change);
    } else {
      // ETCD: an id that was removed is not found, also when it is to be added.
      failWith(call, outcome.reason === "invalid" ? "KV_MEMBER_NOT_FOUND" : refusalCode(outcome.reason));
    }
  }

  /** The port, or null: the call then failed. */
  #port(call: UnaryApiCall): ReconfigurationPort | null {
    const port = this.#context.options.reconfiguration;
    if (port === undefined) {
      failUnimplemented(call);
    }
    return port ?? null;
  }

  #decode<D extends DescMessage>(call: UnaryApiCall, input: Uint8Array, schema: D): MessageShape<D> | null {
    const request = decodeOrFail(call, input, (bytes) => decodeMessage(() => fromBinary(schema, bytes)));
    return request !== null && this.#context.admit(call, false) ? request : null;
  }

  #list(): Uint8Array {
    return toBinary(MemberListResponseSchema, create(MemberListResponseSchema, this.#message()));
  }

  /** ETCD: the header of this service's answers carries no revision. */
  #message(): { header: ReturnType<ApiContext["messageHeader"]>; members: MemberMessage[] } {
    const members = this.#context.options.membership.members().map((member) => ({
      ID: BigInt(member.id),
      name: member.name,
      peerURLs: [...member.peerUrls],
      clientURLs: [...member.clientUrls],
      isLearner: member.isLearner,
    }));
    return { header: this.#context.messageHeader(0), members };
  }
}

/** ETCD: whether a cluster can take one more is asked before who it would be. */
function refusesRiskFirst(step: MembershipStep): boolean {
  return step.op === "add-learner" || step.op === "add-voter";
}
