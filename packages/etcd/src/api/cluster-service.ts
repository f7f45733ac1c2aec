/** etcdserverpb.Cluster: who belongs to the cluster. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { MemberListRequestSchema, MemberListResponseSchema } from "#generated/etcdserverpb_pb.js";
import type { UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail } from "./failures.ts";

/** Cluster.MemberList. ETCD: linearizable only when asked for; its header carries no revision. */
export function handleMemberList(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decodeOrFail(call, input, (bytes) =>
    decodeMessage(() => fromBinary(MemberListRequestSchema, bytes)),
  );
  if (request === null || !context.admit(call, false)) {
    return;
  }
  if (request.linearizable) {
    context.readBarrier(call, () => answerMemberList(context, call));
  } else {
    answerMemberList(context, call);
  }
}

function answerMemberList(context: ApiContext, call: UnaryApiCall): void {
  const members = context.options.membership.members().map((member) => ({
    ID: BigInt(member.id),
    name: member.name,
    peerURLs: [...member.peerUrls],
    clientURLs: [...member.clientUrls],
    isLearner: member.isLearner,
  }));
  const header = context.messageHeader(0);
  call.respond(toBinary(MemberListResponseSchema, create(MemberListResponseSchema, { header, members })));
}
