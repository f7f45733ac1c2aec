/** etcdserverpb.Maintenance: what operators ask a member. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { kvErrors } from "@quorate/kv";
import {
  AlarmRequest_AlarmAction,
  AlarmRequestSchema,
  AlarmResponseSchema,
  StatusResponseSchema,
} from "#generated/etcdserverpb_pb.js";
import type { UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail, failUnimplemented } from "./failures.ts";

/** ETCD: what a quota of 0 stands for, 2 GiB. */
const quotaBytesDefault = 2 * 1024 * 1024 * 1024;

/** Maintenance.Status. Its request has no fields, so nothing of it is looked at. */
export function handleStatus(context: ApiContext, _input: Uint8Array, call: UnaryApiCall): void {
  if (!context.admit(call, true)) {
    return;
  }
  const { about, replication, store } = context.options;
  const status = replication.status();
  const message = create(StatusResponseSchema, {
    header: context.messageHeader(store.revision),
    version: about.version,
    dbSize: BigInt(store.dbSizeBytes),
    leader: BigInt(status.leader),
    raftIndex: BigInt(status.committed),
    raftTerm: BigInt(status.term),
    raftAppliedIndex: BigInt(status.applied),
    errors: status.leader === 0 ? [kvErrors.KV_NO_LEADER.text] : [],
    dbSizeInUse: BigInt(store.liveBytes),
    isLearner: status.isLearner,
    storageVersion: about.storageVersion,
    dbSizeQuota: BigInt(about.quotaBytes === 0 ? quotaBytesDefault : about.quotaBytes),
    downgradeInfo: { enabled: false, targetVersion: "" },
  });
  call.respond(toBinary(StatusResponseSchema, message));
}

/** Maintenance.Alarm. No member raises alarms yet, so the list that health checks ask for is empty; the rest is refused. */
export function handleAlarm(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decodeOrFail(call, input, (bytes) =>
    decodeMessage(() => fromBinary(AlarmRequestSchema, bytes)),
  );
  if (request === null || !context.admit(call, false)) {
    return;
  }
  if (request.action !== AlarmRequest_AlarmAction.GET) {
    failUnimplemented(call);
    return;
  }
  const message = create(AlarmResponseSchema, {
    header: context.messageHeader(context.options.store.revision),
    alarms: [],
  });
  call.respond(toBinary(AlarmResponseSchema, message));
}
