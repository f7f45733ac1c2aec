/**
 * etcd's data model without any cleverness: one list of all versions ever made, looked through from the start each time.
 * Keys and values are text of one byte per character, whose order is that of the bytes.
 */
import type { Command, Compare, KvErrorCode, PutRequest, RangeRequest, RequestOp } from "@quorate/kv";

interface Version {
  key: string;
  value: string;
  mod: number;
  create: number;
  version: number;
  lease: bigint;
  deleted: boolean;
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString("latin1");

class Refused extends Error {
  readonly code: KvErrorCode;
  constructor(code: KvErrorCode) {
    super(code);
    this.code = code;
  }
}

const pairOf = (v: Version, keysOnly = false): object => ({
  key: v.key,
  createRevision: v.create,
  modRevision: v.mod,
  version: v.version,
  value: keysOnly ? "" : v.value,
  lease: v.lease,
});

export class Model {
  revision = 1;
  compacted = -1;
  versions: Version[] = [];
  /** Time to live and what a checkpoint left, by lease. */
  leases: Map<bigint, { ttl: number; left: number }> = new Map();
  #writing = false;

  clone(): Model {
    const copy = new Model();
    copy.revision = this.revision;
    copy.compacted = this.compacted;
    copy.versions = this.versions.map((v) => ({ ...v }));
    copy.leases = new Map(this.leases);
    return copy;
  }

  apply(command: Command): object {
    const before = this.clone();
    try {
      const result = this.#run(command);
      if (this.#writing) {
        this.revision++;
      }
      this.#writing = false;
      return result;
    } catch (error) {
      if (!(error instanceof Refused)) {
        throw error;
      }
      this.versions = before.versions;
      this.#writing = false;
      return { type: "refused", code: error.code };
    }
  }

  read(request: RangeRequest): object {
    try {
      return this.#range(request);
    } catch (error) {
      if (error instanceof Refused) {
        return { type: "refused", code: error.code };
      }
      throw error;
    }
  }

  /** Keys whose newest version names the lease, in order. */
  attached(lease: bigint): string[] {
    return this.#keys("\0", "\0").filter((key) => this.#at(key, this.revision)?.lease === lease);
  }

  /** Every pair that exists at a revision. */
  stateAt(revision: number): object[] {
    return this.#keys("\0", "\0").flatMap((key) => {
      const v = this.#at(key, revision);
      return v === undefined ? [] : [pairOf(v)];
    });
  }

  #run(command: Command): object {
    switch (command.type) {
      case "put":
        return this.#put(command);
      case "delete-range":
        return this.#delete(command);
      case "txn": {
        // All compares, also the inner ones, see the state before.
        const pre = this.clone();
        return this.#txn(command, pre);
      }
      case "compaction":
        if (command.revision <= this.compacted) throw new Refused("KV_COMPACTED");
        if (command.revision > this.revision) throw new Refused("KV_FUTURE_REV");
        this.compacted = command.revision;
        return { type: "compaction", revision: this.revision };
      case "alarm":
        throw new Error("the model raises no alarms");
      case "downgrade":
        throw new Error("the model has one version");
      case "auth":
        throw new Error("the model knows no users");
      case "member-publish":
        return { type: "member-publish", revision: this.revision };
      case "lease-grant": {
        const { id, ttlSeconds } = command;
        if (id === 0n) throw new Refused("KV_LEASE_NOT_FOUND");
        if (ttlSeconds > 9e9) throw new Refused("KV_LEASE_TTL_TOO_LARGE");
        if (this.leases.has(id)) throw new Refused("KV_LEASE_EXIST");
        this.leases.set(id, { ttl: ttlSeconds, left: 0 });
        return { type: "lease-grant", revision: this.revision, id, ttlSeconds };
      }
      case "lease-revoke": {
        // The log of these tests has one term, 1.
        if (command.fenceTerm > 1) throw new Error("the model knows one term");
        if (!this.leases.has(command.id)) throw new Refused("KV_LEASE_NOT_FOUND");
        for (const key of this.attached(command.id)) {
          this.#writing = true;
          const gone = { key, value: "", mod: this.#now, create: 0, version: 0, lease: 0n };
          this.versions.push({ ...gone, deleted: true });
        }
        this.leases.delete(command.id);
        return { type: "lease-revoke", revision: this.#now };
      }
      case "lease-checkpoint":
        for (const { id, remainingSeconds } of command.remaining) {
          const lease = this.leases.get(id);
          if (lease !== undefined) {
            this.leases.set(id, { ...lease, left: Math.min(remainingSeconds, lease.ttl) });
          }
        }
        return { type: "lease-checkpoint", revision: this.revision };
    }
  }

  get #now(): number {
    return this.#writing ? this.revision + 1 : this.revision;
  }

  #at(key: string, revision: number): Version | undefined {
    const last = this.versions.findLast((v) => v.key === key && v.mod <= revision);
    return last?.deleted ? undefined : last;
  }

  #keys(key: string, end: string): string[] {
    const all = [...new Set(this.versions.map((v) => v.key))].sort();
    if (end === "") return all.filter((k) => k === key);
    return all.filter((k) => k >= key && (end === "\0" || k < end));
  }

  #put(put: PutRequest, inTxn = false): object {
    const key = text(put.key);
    const previous = this.#at(key, this.#now);
    const noLease = put.lease !== 0n && !this.leases.has(put.lease);
    if (noLease && !inTxn) throw new Refused("KV_LEASE_NOT_FOUND");
    if ((put.ignoreValue || put.ignoreLease) && previous === undefined) throw new Refused("KV_KEY_NOT_FOUND");
    if (noLease) throw new Refused("KV_LEASE_NOT_FOUND");
    this.#writing = true;
    this.versions.push({
      key,
      value: put.ignoreValue ? (previous?.value ?? "") : text(put.value),
      mod: this.#now,
      create: previous?.create ?? this.#now,
      version: (previous?.version ?? 0) + 1,
      lease: put.ignoreLease ? (previous?.lease ?? 0n) : put.lease,
      deleted: false,
    });
    const prevKv = put.prevKv && previous !== undefined ? pairOf(previous) : null;
    return { type: "put", revision: this.#now, prevKv };
  }

  #delete(request: { key: Uint8Array; rangeEnd: Uint8Array; prevKv: boolean }): object {
    const found = this.#keys(text(request.key), text(request.rangeEnd)).flatMap(
      (key) => this.#at(key, this.#now) ?? [],
    );
    this.#writing ||= found.length > 0;
    for (const v of found) {
      const gone = { key: v.key, value: "", mod: this.#now, create: 0, version: 0, lease: 0n };
      this.versions.push({ ...gone, deleted: true });
    }
    const prevKvs = request.prevKv ? found.map((v) => pairOf(v)) : [];
    return { type: "delete-range", revision: this.#now, deleted: found.length, prevKvs };
  }

  #range(request: RangeRequest, newest = this.#now): object {
    if (request.revision > newest) throw new Refused("KV_FUTURE_REV");
    if (request.revision > 0 && request.revision < this.compacted) throw new Refused("KV_COMPACTED");
    const revision = request.revision > 0 ? request.revision : this.#now;
    let found = this.#keys(text(request.key), text(request.rangeEnd)).flatMap(
      (key) => this.#at(key, revision) ?? [],
    );
    const count = found.length;
    if (request.countOnly) found = [];
    const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision, sortTarget } = request;
    const bounds = [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision];
    const readsAll = request.sortOrder !== "none" || bounds.some((bound) => bound !== 0);
    if (request.limit > 0 && !readsAll) found = found.slice(0, request.limit + 1);
    if (maxModRevision !== 0) found = found.filter((v) => v.mod <= maxModRevision);
    if (minModRevision !== 0) found = found.filter((v) => v.mod >= minModRevision);
    if (maxCreateRevision !== 0) found = found.filter((v) => v.create <= maxCreateRevision);
    if (minCreateRevision !== 0) found = found.filter((v) => v.create >= minCreateRevision);
    const by = (v: Version): number | string =>
      sortTarget === "key" || sortTarget === "unknown"
        ? v.key
        : sortTarget === "value"
          ? v.value
          : v[sortTarget];
    const sign = request.sortOrder === "descend" ? -1 : 1;
    found.sort((a, b) => (by(a) < by(b) ? -sign : by(a) > by(b) ? sign : 0));
    const more = request.limit > 0 && found.length > request.limit;
    if (more) found.length = request.limit;
    const kvs = found.map((v) => pairOf(v, request.keysOnly));
    return { type: "range", revision: this.#now, kvs, more, count };
  }

  #txn(request: Extract<Command, { type: "txn" }>, pre: Model): object {
    const succeeded = request.compares.every((c) => pre.#holds(c));
    const ops = succeeded ? request.success : request.failure;
    const responses = ops.map((op) => this.#op(op, pre));
    return { type: "txn", revision: this.#now, succeeded, responses: responses.map((make) => make) };
  }

  #op(op: RequestOp, pre: Model): object {
    switch (op.type) {
      case "range":
        if (op.revision < 0 && op.revision < this.compacted) throw new Refused("KV_COMPACTED");
        return this.#range(op, pre.revision);
      case "put":
        return this.#put(op, true);
      case "delete-range":
        return this.#delete(op);
      case "txn":
        return this.#txn(op, pre);
      case "none":
        throw new Refused("KV_KEY_NOT_FOUND");
    }
  }

  #holds(c: Compare): boolean {
    const found = this.#keys(text(c.key), text(c.rangeEnd)).flatMap(
      (key) => this.#at(key, this.revision) ?? [],
    );
    if (found.length === 0) {
      if (c.target === "value") return false;
      const zero = { key: "", value: "", mod: 0, create: 0, version: 0, lease: 0n, deleted: false };
      return related(c, zero);
    }
    return found.every((v) => related(c, v));
  }
}

function related(c: Compare, v: Version): boolean {
  const pair = (): [number | bigint | string, number | bigint | string] => {
    switch (c.target) {
      case "value":
        return [v.value, text(c.value)];
      case "unknown":
        return [0, 0];
      default:
        return [v[c.target], c.value];
    }
  };
  const [stored, given] = pair();
  switch (c.result) {
    case "equal":
      return stored === given;
    case "not-equal":
      return stored !== given;
    case "greater":
      return stored > given;
    case "less":
      return stored < given;
    case "unknown":
      return true;
  }
}
