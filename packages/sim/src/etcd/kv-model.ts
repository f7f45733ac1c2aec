/**
 * What etcd's data model is, once more and as simply as possible: the members' answers are held against it, command by command, in the
 * one order in which commands committed. It shares types with the production store and nothing else.
 */
import { unreachable } from "@quorate/base";
import type {
  AlarmRequest,
  Command,
  CompactionRequest,
  Compare,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  Principal,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "@quorate/kv";
import { AuthModel } from "./auth-model.ts";
import { KvHistory, type ModelVersion } from "./kv-history.ts";
import { deleteText, grantText, putText, rangeText, refusalText, textOf, txnText } from "./texts.ts";

type Operation = Exclude<RequestOp, TxnRequest> | { readonly type: "txn"; readonly path: Path };

/** A transaction with the branch that it takes. */
interface Path {
  readonly succeeded: boolean;
  readonly operations: readonly Operation[];
}

/** See the head of this file. */
export class KvModel {
  readonly history: KvHistory = new KvHistory();
  readonly auth: AuthModel = new AuthModel();
  /** Seconds that were granted, by id. */
  readonly leases: Map<bigint, number> = new Map();
  /** As `kind/member`. */
  readonly alarms: Set<string> = new Set();
  /** −1 when never compacted. */
  compactRevision = -1;

  get revision(): number {
    return this.history.revision;
  }

  /** Applies a command that stands for `principal`; the text of the answer. */
  apply(
    command: Command,
    principal: Principal | null,
    at: { readonly index: number; readonly term: number },
  ): string {
    const denied = this.auth.refuse(principal, command, (id) => this.leaseKeys(id, this.revision));
    if (denied !== null) {
      return refusalText(denied);
    }
    if (this.#isOutOfSpace(command)) {
      return refusalText("KV_NO_SPACE");
    }
    const text = this.#dispatch(command, at);
    this.history.finish();
    return text;
  }

  /** Answers a range; `within` is the revision that reads without one of their own see. */
  range(request: RangeRequest, within: number): string {
    const revision = request.revision > 0 ? request.revision : within;
    const all = this.history.range(textOf(request.key), textOf(request.rangeEnd), revision);
    const chosen = inOrder(request, readOf(request, all));
    const more = request.limit > 0 && chosen.length > request.limit && !request.countOnly;
    const cut = request.limit > 0 ? chosen.slice(0, request.limit) : chosen;
    const shown = request.keysOnly ? cut.map((version) => ({ ...version, value: "" })) : cut;
    return rangeText(request.countOnly ? [] : shown, all.length, more);
  }

  /** Answers a transaction that writes nothing, as of a revision. */
  readTxn(txn: TxnRequest, revision: number): string {
    return this.#run(this.#choose(txn, revision), revision);
  }

  /** Keys that a lease holds at a revision, in order. */
  leaseKeys(id: bigint, revision: number): readonly string[] {
    const all = this.history.range("\0", "\0", revision);
    return all.filter(({ lease }) => lease === id).map(({ key }) => key);
  }

  #dispatch(command: Command, { index, term }: { readonly index: number; readonly term: number }): string {
    switch (command.type) {
      case "put":
        return this.#refusedPut(command, "lease-first") ?? this.#put(command);
      case "delete-range":
        return this.#operate(command, null);
      case "txn":
        return this.#txn(command);
      case "compaction":
        return this.#compact(command);
      case "lease-grant":
        return this.#grant(command);
      case "lease-revoke":
        return this.#revoke(command, term);
      case "lease-checkpoint":
        return command.fenceTerm === term ? "lease-checkpoint" : refusalText("KV_LEADER_CHANGED");
      case "alarm":
        return this.#alarm(command);
      case "auth": {
        const refused = this.auth.apply(command, index);
        return refused === null ? "auth" : refusalText(refused);
      }
      default:
        return command.type;
    }
  }

  #isOutOfSpace(command: Command): boolean {
    const isFull = [...this.alarms].some((alarm) => alarm.startsWith("no-space/"));
    return isFull && needsSpace(command);
  }

  #put(put: PutRequest): string {
    const key = textOf(put.key);
    const previous = this.history.at(key, this.history.readRevision);
    const value = put.ignoreValue ? (previous?.value ?? "") : textOf(put.value);
    this.history.put(key, value, put.ignoreLease ? (previous?.lease ?? 0n) : put.lease);
    return putText(put.prevKv ? previous : null);
  }

  /** ETCD: a put asks for its lease first, one within a transaction for its key. */
  #refusedPut(put: PutRequest, order: "lease-first" | "key-first"): string | null {
    const hasNoLease = put.lease !== 0n && !this.leases.has(put.lease);
    const needsKey = put.ignoreValue || put.ignoreLease;
    const hasNoKey = needsKey && this.history.at(textOf(put.key), this.revision) === null;
    const refusals = [
      { isDue: hasNoLease, text: refusalText("KV_LEASE_NOT_FOUND") },
      { isDue: hasNoKey, text: refusalText("KV_KEY_NOT_FOUND") },
    ];
    const ordered = order === "lease-first" ? refusals : refusals.reverse();
    return ordered.find(({ isDue }) => isDue)?.text ?? null;
  }

  #txn(txn: TxnRequest): string {
    const path = this.#choose(txn, this.revision);
    return this.#refusedPath(path) ?? this.#run(path, null);
  }

  /** ETCD: all compares, also those of inner transactions, see the state before the whole. */
  #choose(txn: TxnRequest, revision: number): Path {
    const succeeded = txn.compares.every((compare) => this.#holds(compare, revision));
    const operations = (succeeded ? txn.success : txn.failure).map(
      (op): Operation => (op.type === "txn" ? { type: "txn", path: this.#choose(op, revision) } : op),
    );
    return { succeeded, operations };
  }

  /** A refusal leaves no trace, so all of it is looked for first. */
  #refusedPath(path: Path): string | null {
    for (const operation of path.operations) {
      const refused = this.#refusedOperation(operation);
      if (refused !== null) {
        return refused;
      }
    }
    return null;
  }

  #refusedOperation(operation: Operation): string | null {
    switch (operation.type) {
      case "put":
        return this.#refusedPut(operation, "key-first");
      case "range":
        return this.refusedRevision(operation.revision);
      case "txn":
        return this.#refusedPath(operation.path);
      default:
        return null;
    }
  }

  /** Why a revision cannot be read now; null when it can. */
  refusedRevision(revision: number): string | null {
    if (revision > this.revision) {
      return refusalText("KV_FUTURE_REV");
    }
    return revision > 0 && revision < this.compactRevision ? refusalText("KV_COMPACTED") : null;
  }

  /** `asOf`: the revision that ranges see where nothing is written; null: what has been written so far. */
  #run(path: Path, asOf: number | null): string {
    const responses = path.operations.map((operation) =>
      operation.type === "txn" ? this.#run(operation.path, asOf) : this.#operate(operation, asOf),
    );
    return txnText(path.succeeded, responses);
  }

  #operate(operation: Exclude<RequestOp, TxnRequest>, asOf: number | null): string {
    const { history } = this;
    switch (operation.type) {
      case "range":
        return this.range(operation, asOf ?? history.readRevision);
      case "put":
        return this.#put(operation);
      case "delete-range": {
        const found = history.range(textOf(operation.key), textOf(operation.rangeEnd), history.readRevision);
        for (const version of found) {
          history.remove(version);
        }
        return deleteText(found.length, operation.prevKv ? found : []);
      }
      case "none":
        return "none";
      default:
        return unreachable(operation);
    }
  }

  #holds(compare: Compare, revision: number): boolean {
    const found = this.history.range(textOf(compare.key), textOf(compare.rangeEnd), revision);
    return found.length > 0
      ? found.every((version) => isRelated(compare, version))
      : compare.target !== "value" && isRelated(compare, absent);
  }

  #compact({ revision }: CompactionRequest): string {
    if (revision <= this.compactRevision) {
      return refusalText("KV_COMPACTED");
    }
    if (revision > this.revision) {
      return refusalText("KV_FUTURE_REV");
    }
    this.compactRevision = revision;
    return "compaction";
  }

  #grant({ id, ttlSeconds }: LeaseGrantRequest): string {
    if (this.leases.has(id)) {
      return refusalText("KV_LEASE_EXIST");
    }
    this.leases.set(id, ttlSeconds);
    return grantText(id, ttlSeconds);
  }

  /** What a leader decided by its clock has no effect in a later term. */
  #revoke({ id, fenceTerm }: LeaseRevokeRequest, term: number): string {
    if (fenceTerm !== 0 && fenceTerm !== term) {
      return refusalText("KV_LEADER_CHANGED");
    }
    if (!this.leases.delete(id)) {
      return refusalText("KV_LEASE_NOT_FOUND");
    }
    for (const version of this.history.range("\0", "\0", this.revision)) {
      if (version.lease === id) {
        this.history.remove(version);
      }
    }
    return "lease-revoke";
  }

  #alarm({ action, alarm, memberId }: AlarmRequest): string {
    const name = `${alarm}/${memberId}`;
    const isOn = this.alarms.has(name);
    if (action === "activate") {
      this.alarms.add(name);
    } else {
      this.alarms.delete(name);
    }
    return `alarm ${action === "activate" || isOn ? name : ""}`;
  }
}

const absent = { version: 0, create: 0, mod: 0, value: "", lease: 0n };

function isRelated(compare: Compare, version: typeof absent | ModelVersion): boolean {
  const order = orderOf(compare, version);
  switch (compare.result) {
    case "equal":
      return order === 0;
    case "not-equal":
      return order !== 0;
    case "greater":
      return order > 0;
    case "less":
      return order < 0;
    default:
      return true;
  }
}

function orderOf(compare: Compare, version: typeof absent | ModelVersion): number {
  switch (compare.target) {
    case "version":
      return version.version - compare.value;
    case "create":
      return version.create - compare.value;
    case "mod":
      return version.mod - compare.value;
    case "value":
      return sign(version.value, textOf(compare.value));
    case "lease":
      return sign(version.lease, compare.value);
    default:
      return 0;
  }
}

function sign<T extends string | bigint>(left: T, right: T): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

/** ETCD: without an order and without bounds no more is read than the limit asks for, and one; what is read is put in order after. */
function readOf(request: RangeRequest, all: ModelVersion[]): ModelVersion[] {
  const bounded = all.filter((version) => isBetween(request, version));
  const isPlain = request.sortOrder === "none" && !isBounded(request) && request.limit > 0;
  return isPlain ? bounded.slice(0, request.limit + 1) : bounded;
}

function isBounded(request: RangeRequest): boolean {
  const { maxCreateRevision, maxModRevision, minCreateRevision, minModRevision } = request;
  return [maxCreateRevision, maxModRevision, minCreateRevision, minModRevision].some((bound) => bound !== 0);
}

function isBetween(request: RangeRequest, { create, mod }: ModelVersion): boolean {
  return (
    (request.minModRevision === 0 || mod >= request.minModRevision) &&
    (request.maxModRevision === 0 || mod <= request.maxModRevision) &&
    (request.minCreateRevision === 0 || create >= request.minCreateRevision) &&
    (request.maxCreateRevision === 0 || create <= request.maxCreateRevision)
  );
}

/** ETCD: without an order, another target than the key is sorted by all the same. Ties keep the order of their keys. */
function inOrder(request: RangeRequest, versions: ModelVersion[]): ModelVersion[] {
  const { sortOrder, sortTarget } = request;
  if (sortTarget === "key") {
    return sortOrder === "descend" ? versions.reverse() : versions;
  }
  const direction = sortOrder === "descend" ? -1 : 1;
  const order = (left: ModelVersion, right: ModelVersion): number => {
    switch (sortTarget) {
      case "version":
        return left.version - right.version;
      case "create":
        return left.create - right.create;
      case "mod":
        return left.mod - right.mod;
      default:
        return sign(left.value, right.value);
    }
  };
  return versions.sort((left, right) => direction * order(left, right));
}

/** ETCD: whatever may put, and a grant. */
function needsSpace(command: Command): boolean {
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
  return [...txn.success, ...txn.failure].some((op) => (op.type === "txn" ? mayPut(op) : op.type === "put"));
}
