/** Requests of simulated clients as etcd's messages, by etcd's field numbers. */
import { unreachable } from "@quorate/base";
import type {
  AuthRequest,
  CompactionRequest,
  Compare,
  DeleteRangeRequest,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "@quorate/kv";
import { MessageWriter } from "./protobuf.ts";

/** What a client writes by a request of its own. */
export type ClientCommand =
  | PutRequest
  | DeleteRangeRequest
  | TxnRequest
  | CompactionRequest
  | LeaseGrantRequest
  | LeaseRevokeRequest
  | AuthRequest;

/** The method of each kind of request. */
export function methodOf(request: ClientCommand | RangeRequest): string {
  return request.type === "auth" ? `/etcdserverpb.Auth/${authMethods[request.op]}` : methods[request.type];
}

const authMethods: { readonly [O in AuthRequest["op"]]: string } = {
  enable: "AuthEnable",
  disable: "AuthDisable",
  authenticate: "Authenticate",
  "user-add": "UserAdd",
  "user-change-password": "UserChangePassword",
  "user-delete": "UserDelete",
  "user-grant-role": "UserGrantRole",
  "user-revoke-role": "UserRevokeRole",
  "role-add": "RoleAdd",
  "role-delete": "RoleDelete",
  "role-grant-permission": "RoleGrantPermission",
  "role-revoke-permission": "RoleRevokePermission",
};

const methods: { readonly [T in Exclude<ClientCommand["type"], "auth"> | "range"]: string } = {
  put: "/etcdserverpb.KV/Put",
  range: "/etcdserverpb.KV/Range",
  "delete-range": "/etcdserverpb.KV/DeleteRange",
  txn: "/etcdserverpb.KV/Txn",
  compaction: "/etcdserverpb.KV/Compact",
  "lease-grant": "/etcdserverpb.Lease/LeaseGrant",
  "lease-revoke": "/etcdserverpb.Lease/LeaseRevoke",
};

/** The message of a request. */
export function encodeRequest(request: ClientCommand | RangeRequest): Uint8Array {
  return message(request).finish();
}

function message(request: ClientCommand | RangeRequest): MessageWriter {
  const out = new MessageWriter();
  switch (request.type) {
    case "put":
      return out
        .bytes(1, request.key)
        .bytes(2, request.value)
        .number(3, request.lease)
        .flag(4, request.prevKv)
        .flag(5, request.ignoreValue)
        .flag(6, request.ignoreLease);
    case "range":
      return rangeMessage(out, request);
    case "delete-range":
      return out.bytes(1, request.key).bytes(2, request.rangeEnd).flag(3, request.prevKv);
    case "txn":
      return txnMessage(out, request);
    case "compaction":
      return out.number(1, request.revision).flag(2, request.physical);
    case "lease-grant":
      return out.number(1, request.ttlSeconds).number(2, request.id);
    case "lease-revoke":
      return out.number(1, request.id);
    case "auth":
      return authMessage(out, request);
    default:
      return unreachable(request);
  }
}

const accesses = ["read", "write", "read-write"];

function authMessage(out: MessageWriter, request: AuthRequest): MessageWriter {
  switch (request.op) {
    case "user-add":
      return out.text(1, request.user).message(3, new MessageWriter().flag(1, true));
    case "user-grant-role":
    case "user-revoke-role":
      return out.text(1, request.user).text(2, request.role);
    case "role-add":
      return out.text(1, request.role);
    case "role-grant-permission": {
      const { access, key, rangeEnd } = request.permission;
      const permission = new MessageWriter()
        .number(1, accesses.indexOf(access))
        .bytes(2, key)
        .bytes(3, rangeEnd);
      return out.text(1, request.role).message(2, permission);
    }
    default:
      return out;
  }
}

const sortOrders: readonly RangeRequest["sortOrder"][] = ["none", "ascend", "descend"];
const sortTargets: readonly RangeRequest["sortTarget"][] = ["key", "version", "create", "mod", "value"];

function rangeMessage(out: MessageWriter, range: RangeRequest): MessageWriter {
  return out
    .bytes(1, range.key)
    .bytes(2, range.rangeEnd)
    .number(3, range.limit)
    .number(4, range.revision)
    .number(5, sortOrders.indexOf(range.sortOrder))
    .number(6, sortTargets.indexOf(range.sortTarget))
    .flag(7, range.serializable)
    .flag(8, range.keysOnly)
    .flag(9, range.countOnly)
    .number(10, range.minModRevision)
    .number(11, range.maxModRevision)
    .number(12, range.minCreateRevision)
    .number(13, range.maxCreateRevision);
}

function txnMessage(out: MessageWriter, txn: TxnRequest): MessageWriter {
  for (const compare of txn.compares) {
    out.message(1, compareMessage(compare));
  }
  for (const op of txn.success) {
    out.message(2, operationMessage(op));
  }
  for (const op of txn.failure) {
    out.message(3, operationMessage(op));
  }
  return out;
}

function operationMessage(op: RequestOp): MessageWriter {
  const fields = { range: 1, put: 2, "delete-range": 3, txn: 4 } as const;
  return op.type === "none" ? new MessageWriter() : new MessageWriter().message(fields[op.type], message(op));
}

const compareResults: readonly Compare["result"][] = ["equal", "greater", "less", "not-equal"];
const compareTargets: readonly Compare["target"][] = ["version", "create", "mod", "value", "lease"];

function compareMessage(compare: Compare): MessageWriter {
  const out = new MessageWriter()
    .number(1, compareResults.indexOf(compare.result))
    .number(2, compareTargets.indexOf(compare.target))
    .bytes(3, compare.key)
    .bytes(64, compare.rangeEnd);
  switch (compare.target) {
    case "version":
      return out.number(4, compare.value);
    case "create":
      return out.number(5, compare.value);
    case "mod":
      return out.number(6, compare.value);
    case "value":
      return out.bytes(7, compare.value);
    case "lease":
      return out.number(8, compare.value);
    default:
      return out;
  }
}
