/** etcdserverpb.Maintenance: what operators ask a member, and alarms. */
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from "@bufbuild/protobuf";
import { must } from "@quorate/base";
import { type HashKvResult, type KvAlarm, type KvErrorCode, KvHash, kvErrors } from "@quorate/kv";
import {
  AlarmRequest_AlarmAction as AlarmAction,
  type AlarmRequest,
  AlarmRequestSchema,
  AlarmResponseSchema,
  AlarmType,
  DefragmentResponseSchema,
  DowngradeRequest_DowngradeAction as DowngradeAction,
  DowngradeRequestSchema,
  DowngradeResponseSchema,
  HashKVRequestSchema,
  HashKVResponseSchema,
  HashResponseSchema,
  MoveLeaderRequestSchema,
  MoveLeaderResponseSchema,
  StatusResponseSchema,
} from "#generated/etcdserverpb_pb.js";
import type { ReconfigurationPort, StreamApiCall, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail, failUnimplemented, failUnknown, failWith } from "./failures.ts";
import { quotaBytesOf } from "./limits.ts";
import { clusterVersionOf, type Release, releaseOf } from "./release.ts";
import { SnapshotStream } from "./snapshot-stream.ts";

/** Records that one slice looks at. PERF: some thousands take a millisecond. */
const recordsPerSlice = 4096;

const alarmTypes = { "no-space": AlarmType.NOSPACE, corrupt: AlarmType.CORRUPT } as const;

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
    errors: [
      ...(status.leader === 0 ? [kvErrors.KV_NO_LEADER.text] : []),
      ...store
        .alarms()
        .map((alarm) => `memberID:${alarm.memberId} alarm:${AlarmType[alarmTypes[alarm.alarm]]}`),
    ],
    dbSizeInUse: BigInt(store.liveBytes),
    isLearner: status.isLearner,
    storageVersion: store.downgradeTarget ?? about.storageVersion,
    dbSizeQuota: BigInt(quotaBytesOf(about.quotaBytes) ?? 0),
    downgradeInfo: { enabled: store.downgradeTarget !== null, targetVersion: store.downgradeTarget ?? "" },
  });
  call.respond(toBinary(StatusResponseSchema, message));
}

/** Maintenance.Alarm: lists them, raises one, takes one back. */
export function handleAlarm(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decode(context, call, input, AlarmRequestSchema);
  if (request === null) {
    return;
  }
  if (request.action !== AlarmAction.ACTIVATE && request.action !== AlarmAction.DEACTIVATE) {
    context.readBarrier(call, () =>
      context.auth.forUser(call, () => {
        const { store } = context.options;
        const wanted = store
          .alarms()
          .filter(({ alarm }) => request.alarm === AlarmType.NONE || alarmTypes[alarm] === request.alarm);
        call.respond(encodeAlarms(context, store.revision, wanted));
      }),
    );
    return;
  }
  changeAlarm(context, call, request);
}

function changeAlarm(context: ApiContext, call: UnaryApiCall, request: AlarmRequest): void {
  const refused = context.auth.refuseAdmin(call);
  if (refused !== null) {
    context.auth.appeal(call, refused, () => changeAlarm(context, call, request));
    return;
  }
  const alarm =
    request.alarm === AlarmType.NOSPACE ? "no-space" : request.alarm === AlarmType.CORRUPT ? "corrupt" : null;
  if (alarm === null || request.memberID > BigInt(Number.MAX_SAFE_INTEGER)) {
    // ETCD: an alarm of no kind, or of nobody, is never on, and changes nothing.
    call.respond(encodeAlarms(context, context.options.store.revision, []));
    return;
  }
  const action = request.action === AlarmAction.ACTIVATE ? "activate" : "deactivate";
  const command = context.encode({ type: "alarm", action, alarm, memberId: Number(request.memberID) });
  context.submitMessage(call, command, (result) =>
    encodeAlarms(context, result.revision, result.type === "alarm" ? result.alarms : []),
  );
}

function encodeAlarms(context: ApiContext, revision: number, alarms: readonly KvAlarm[]): Uint8Array {
  const message = create(AlarmResponseSchema, {
    header: context.messageHeader(revision),
    alarms: alarms.map(({ alarm, memberId }) => ({ memberID: BigInt(memberId), alarm: alarmTypes[alarm] })),
  });
  return toBinary(AlarmResponseSchema, message);
}

/**
 * Maintenance.Defragment: sweeps what compaction hid to the end, slice by slice, and moves live data together. The store sweeps by
 * itself all the time, so that there is seldom much to do.
 */
export function handleDefragment(context: ApiContext, _input: Uint8Array, call: UnaryApiCall): void {
  if (!context.admit(call, false)) {
    return;
  }
  const { defer, store } = context.options;
  const slice = (): void => {
    if (call.ended) {
      return;
    }
    if (store.sweep(recordsPerSlice)) {
      defer.defer(slice);
    } else {
      const header = context.messageHeader(store.revision);
      call.respond(toBinary(DefragmentResponseSchema, create(DefragmentResponseSchema, { header })));
    }
  };
  slice();
}

/** Maintenance.Hash. ETCD: differs, it covers the history of the keys and access control, and not bytes of a file. */
export function handleHash(context: ApiContext, _input: Uint8Array, call: UnaryApiCall): void {
  if (context.admit(call, false)) {
    hashSlices(context, call, 0, ({ hash, revision }) => {
      const header = context.messageHeader(revision);
      const all = (hash ^ context.options.store.auth.hash()) >>> 0;
      return toBinary(HashResponseSchema, create(HashResponseSchema, { header, hash: all }));
    });
  }
}

/** Maintenance.HashKV. */
export function handleHashKv(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decode(context, call, input, HashKVRequestSchema);
  if (request === null) {
    return;
  }
  const asked =
    request.revision > BigInt(Number.MAX_SAFE_INTEGER) ? Number.MAX_SAFE_INTEGER : Number(request.revision);
  const encode = ({ compactRevision, hash, hashRevision }: HashKvResult, revision: number): Uint8Array => {
    const message = create(HashKVResponseSchema, {
      header: context.messageHeader(revision),
      hash,
      compactRevision: BigInt(compactRevision),
      hashRevision: BigInt(hashRevision),
    });
    return toBinary(HashKVResponseSchema, message);
  };
  const hashNow = (): void => hashSlices(context, call, asked, (result) => encode(result, result.revision));
  const isKept = context.compactHashes.find(asked, (result) => {
    if (call.ended) {
      return;
    }
    if (result !== null) {
      call.respond(encode(result, context.options.store.revision));
    } else if (context.stopped) {
      failWith(call, "KV_STOPPED");
    } else {
      // Ten compactions further on, or the state is another: it gets what there is at that revision now.
      hashNow();
    }
  });
  if (!isKept) {
    hashNow();
  }
}

function hashSlices(
  context: ApiContext,
  call: UnaryApiCall,
  revision: number,
  encode: (result: HashKvResult) => Uint8Array,
): void {
  const hash = context.options.store.beginHash(revision);
  if (!(hash instanceof KvHash)) {
    failWith(call, hash.code);
    return;
  }
  const slice = (): void => {
    if (call.ended) {
      hash.close();
      return;
    }
    const result = hash.step(recordsPerSlice);
    if (result === null) {
      context.options.defer.defer(slice);
    } else {
      call.respond(encode(result));
    }
  };
  slice();
}

/** Maintenance.Snapshot. */
export function handleSnapshot(context: ApiContext, _input: Uint8Array, call: StreamApiCall): void {
  const { createDigest } = context.options;
  if (createDigest === undefined) {
    failUnimplemented(call);
  } else if (context.admit(call, false)) {
    new SnapshotStream(context, call, createDigest()).start();
  }
}

/** Maintenance.MoveLeader. ETCD: only the leader does. */
export function handleMoveLeader(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decode(context, call, input, MoveLeaderRequestSchema);
  const { membership, reconfiguration, replication } = context.options;
  if (request === null) {
    return;
  }
  const { leader, memberId } = replication.status();
  const target = membership.members().find(({ id }) => BigInt(id) === request.targetID);
  if (reconfiguration === undefined) {
    failUnimplemented(call);
  } else if (leader !== memberId) {
    failWith(call, "KV_NOT_LEADER");
  } else if (target === undefined || target.isLearner) {
    failWith(call, "KV_BAD_LEADER_TRANSFEREE");
  } else if (target.id === memberId) {
    answerMoved(context, call);
  } else {
    moveLeader(context, call, reconfiguration, target.id);
  }
}

function moveLeader(
  context: ApiContext,
  call: UnaryApiCall,
  reconfiguration: ReconfigurationPort,
  target: number,
): void {
  const pending = context.wait(call, () => failWith(call, "KV_TIMEOUT"));
  let ended = false;
  const handle = reconfiguration.moveLeader(target, (moved) => {
    ended = true;
    if (!context.pending.settle(pending)) {
      return;
    }
    if (moved) {
      answerMoved(context, call);
    } else {
      failWith(call, "KV_TIMEOUT");
    }
  });
  pending.handle = ended ? null : handle;
}

function answerMoved(context: ApiContext, call: UnaryApiCall): void {
  const header = context.messageHeader(context.options.store.revision);
  call.respond(toBinary(MoveLeaderResponseSchema, create(MoveLeaderResponseSchema, { header })));
}

/**
 * Maintenance.Downgrade. ETCD: differs, what members say of the cluster's version changes with the job, where etcd's leader takes up
 * to four seconds; and as there is no older release of this program, a job lasts until it is cancelled.
 */
export function handleDowngrade(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decode(context, call, input, DowngradeRequestSchema);
  if (request === null) {
    return;
  }
  if (!(request.action in DowngradeAction)) {
    failUnknown(call, "etcdserver: unknown method");
    return;
  }
  // ETCD: which version a cancelled job went to does not matter.
  const target = request.action === DowngradeAction.CANCEL ? null : releaseOf(request.version);
  if (target === undefined) {
    failWith(call, "KV_WRONG_DOWNGRADE_VERSION_FORMAT");
    return;
  }
  context.readBarrier(call, () => {
    const refused = target === null ? null : refuseDowngrade(context, target);
    if (refused !== null) {
      failWith(call, refused);
    } else if (request.action === DowngradeAction.VALIDATE) {
      call.respond(encodeDowngrade(context, clusterVersion(context)));
    } else {
      setDowngrade(context, call, target);
    }
  });
}

/** ETCD: one minor version down from the cluster's, and nothing else; asked first, so that it hides a job under way. */
function refuseDowngrade(context: ApiContext, target: Release): KvErrorCode | null {
  const from = must(releaseOf(clusterVersion(context)), "downgrade: the cluster has no version");
  if (target.major !== from.major || target.minor !== from.minor - 1) {
    return "KV_INVALID_DOWNGRADE_TARGET_VERSION";
  }
  return context.options.store.downgradeTarget === null ? null : "KV_DOWNGRADE_IN_PROCESS";
}

function setDowngrade(context: ApiContext, call: UnaryApiCall, target: Release | null): void {
  // ETCD: the answer names the version from before.
  const before = clusterVersion(context);
  const targetVersion = target === null ? null : `${target.major}.${target.minor}.0`;
  const command = context.encode({ type: "downgrade", targetVersion });
  context.submitMessage(call, command, () => encodeDowngrade(context, before));
}

function encodeDowngrade(context: ApiContext, version: string): Uint8Array {
  const message = create(DowngradeResponseSchema, {
    header: context.messageHeader(context.options.store.revision),
    version: version.replace(/\.\d+$/, ""),
  });
  return toBinary(DowngradeResponseSchema, message);
}

function clusterVersion({ options: { about, store } }: ApiContext): string {
  return clusterVersionOf(about.version, store.downgradeTarget);
}

function decode<D extends DescMessage>(
  context: ApiContext,
  call: UnaryApiCall,
  input: Uint8Array,
  schema: D,
): MessageShape<D> | null {
  const request = decodeOrFail(call, input, (bytes) => decodeMessage(() => fromBinary(schema, bytes)));
  return request !== null && context.admit(call, false) ? request : null;
}
