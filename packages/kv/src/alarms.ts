/**
 * Alarms: what a member found that all must heed. They are part of the replicated state, so that every member refuses the
 * same commands at the same place of the log.
 */
import { assert } from "@quorate/base";
import type { KvErrorCode } from "./errors.ts";
import type { AlarmRequest, Command, KvAlarm, RequestOp, TxnRequest } from "./types.ts";

/** Alarms in order of kind and member. Replaced whole on each change, so that an image keeps what it pinned. */
export type AlarmList = readonly KvAlarm[];

/** The list after `request`, and what it changed: nothing when the alarm was as asked before. */
export function applyAlarm(
  alarms: AlarmList,
  request: AlarmRequest,
): { readonly alarms: AlarmList; readonly changed: AlarmList } {
  assert(Number.isSafeInteger(request.memberId) && request.memberId >= 0, "alarm: not a member id");
  const { alarm, memberId } = request;
  const asked: KvAlarm = { alarm, memberId };
  const others = alarms.filter((each) => each.alarm !== alarm || each.memberId !== memberId);
  const present = others.length < alarms.length;
  if (request.action === "activate") {
    // ETCD: one that is raised already is answered with all the same.
    return { alarms: present ? alarms : [...others, asked].sort(compareAlarms), changed: [asked] };
  }
  return present ? { alarms: others, changed: [asked] } : { alarms, changed: [] };
}

/** Ascending by kind, then by member. */
export function compareAlarms(left: KvAlarm, right: KvAlarm): number {
  return left.alarm === right.alarm ? left.memberId - right.memberId : left.alarm === "no-space" ? -1 : 1;
}

/** Why `command` is refused while these alarms are on; null when it is not. */
export function refuseByAlarm(alarms: AlarmList, command: Command): KvErrorCode | null {
  if (alarms.length === 0) {
    return null;
  }
  if (alarms.some(({ alarm }) => alarm === "corrupt") && needsTrust(command)) {
    return "KV_CORRUPT";
  }
  return alarms.some(({ alarm }) => alarm === "no-space") && takesSpace(command) ? "KV_NO_SPACE" : null;
}

/** ETCD: what may make matters worse while nobody knows which member is right. */
function needsTrust(command: Command): boolean {
  switch (command.type) {
    case "put":
    case "delete-range":
    case "txn":
    case "compaction":
    case "lease-grant":
      return true;
    case "lease-revoke":
      // ETCD: differs, an expiry goes on: the leader would only try it again for ever.
      return command.fenceTerm === 0;
    default:
      return false;
  }
}

/** ETCD: puts, transactions that may put, and grants; deletes and compactions make room. */
export function takesSpace(command: Command): boolean {
  switch (command.type) {
    case "put":
    case "lease-grant":
      return true;
    case "txn":
      return mayPut(command);
    default:
      return false;
  }
}

function mayPut(txn: TxnRequest): boolean {
  const puts = (op: RequestOp): boolean => (op.type === "txn" ? mayPut(op) : op.type === "put");
  return txn.success.some(puts) || txn.failure.some(puts);
}
