/**
 * What the key-value promises are held against: the model, fed with each command once, at the place where it committed; and beside it
 * what clients asked for. Members and clients are compared with it and never with each other.
 */
import { must } from "@quorate/base";
import type { Command, KvEvent, KvResult, KvStateMachine, SignedCommand } from "@quorate/kv";
import type { NodeId } from "@quorate/raft";
import { promise } from "../violation.ts";
import { ClientCommands } from "./client-commands.ts";
import { KvModel } from "./kv-model.ts";
import { LeaseChecker } from "./lease-checker.ts";
import { prefixes } from "./names.ts";
import { pairOf, pairText, refusalText, resultText, textOf } from "./texts.ts";
import { isSameEvent, type SeenEvent } from "./watch-checker.ts";

/** How far the one sequence of commands had come behind an entry. */
interface Place {
  readonly index: number;
  readonly revision: number;
  readonly compactRevision: number;
  readonly leaseCount: number;
}

/** See the head of this file. One per run. */
export class EtcdOracle {
  readonly model: KvModel = new KvModel();
  readonly commands: ClientCommands = new ClientCommands();
  readonly leases: LeaseChecker = new LeaseChecker();
  readonly #nowMs: () => number;
  readonly #places: Place[] = [{ index: 0, revision: 1, compactRevision: -1, leaseCount: 0 }];
  readonly #hashes = new Map<number, string>();
  readonly #fences = new Map<string, number>();

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** The last entry that anybody has applied. */
  get lastIndex(): number {
    return this.#places.at(-1)?.index ?? 0;
  }

  /**
   * A member applied a command. Whoever is first is held against the model; the digest of the answer is what all others are held
   * against.
   */
  applied(
    at: { readonly index: number; readonly term: number },
    signed: SignedCommand,
    result: KvResult,
  ): number {
    const { command, principal } = signed;
    const { index } = at;
    const text = resultText(result);
    if (index > this.lastIndex) {
      const expected = this.model.apply(command, principal, at);
      promise(
        text === expected,
        "kv-model",
        () => `entry ${index}, a ${command.type}, is answered '${text}', not '${expected}'`,
      );
      const { compactRevision, leases, revision } = this.model;
      this.#places.push({ index, revision, compactRevision, leaseCount: leases.size });
      this.#note(index, command, text);
    }
    const revision = result.type === "refused" ? -1 : result.revision;
    promise(
      revision < 0 || revision === this.#placeOf(index).revision,
      "kv-model",
      () =>
        `entry ${index}, a ${command.type}, is answered with revision ${revision}, not ${this.#placeOf(index).revision}`,
    );
    return digestOf(revision, text);
  }

  /** The first entry behind which the store's revision was at least `revision`. */
  indexOf(revision: number): number {
    return this.#places.find((place) => place.revision >= revision)?.index ?? this.lastIndex;
  }

  /** Hashes of everything at one entry are equal on all members, whatever each of them has swept. */
  hashed(node: NodeId, index: number, hash: string): void {
    const known = this.#hashes.get(index);
    promise(
      known === undefined || known === hash,
      "state-machine-safety",
      () => `node ${node} hashes the history at entry ${index} to ${hash}, another member to ${known}`,
    );
    this.#hashes.set(index, hash);
  }

  /** A restored state is that of the entry that it names: what exists, what happened since the compaction, leases and alarms. */
  restored(node: NodeId, machine: KvStateMachine): void {
    const place = this.#placeOf(machine.appliedIndex);
    const facts = {
      revision: machine.revision,
      compactRevision: machine.compactRevision,
      leaseCount: machine.leaseCount,
    };
    promise(
      facts.revision === place.revision &&
        facts.compactRevision === place.compactRevision &&
        facts.leaseCount === place.leaseCount,
      "kv-model",
      () =>
        `node ${node} restores ${JSON.stringify(facts)}, which at that entry were ${JSON.stringify(place)}`,
    );
    const events = machine.events(Math.max(1, place.compactRevision), Number.MAX_SAFE_INTEGER);
    promise(
      events.type === "events",
      "kv-model",
      () => `node ${node} cannot read the events that it restored`,
    );
    this.#checkEvents(node, place, events.events);
  }

  #checkEvents(node: NodeId, place: Place, restored: readonly KvEvent[]): void {
    let at = 0;
    for (let revision = Math.max(1, place.compactRevision); revision <= place.revision; revision++) {
      for (const event of this.model.history.eventsAt(revision)) {
        const found = restored[at];
        promise(
          found !== undefined && isSameEvent(event, seen(found), place.compactRevision, true),
          "kv-model",
          () => `node ${node} restores another event of revision ${revision} for ${pairText(event.version)}`,
        );
        at++;
      }
    }
    promise(at === restored.length, "kv-model", () => `node ${node} restores events that never happened`);
  }

  /** How far the sequence had come at an entry; the last command at or before it decides. */
  #placeOf(index: number): Place {
    let low = 0;
    let high = this.#places.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#places[middle]?.index ?? 0) <= index) {
        low = middle;
      } else {
        high = middle;
      }
    }
    return must(this.#places[low], "etcd oracle: no place before the first");
  }

  #note(index: number, command: Command, text: string): void {
    const isKnown = this.commands.applied(command, index, this.model.revision, text);
    promise(
      isKnown || isServerMade(command),
      "at-most-once",
      () => `entry ${index} is a ${command.type} that nobody asked for`,
    );
    if (text.startsWith(refusalText(""))) {
      return;
    }
    if (command.type === "lease-grant") {
      this.leases.granted(command.id, command.ttlSeconds);
    } else if (command.type === "lease-revoke") {
      this.leases.removed(command.id, command.fenceTerm, this.#nowMs());
    } else if (command.type === "txn") {
      this.#checkFences();
    }
  }

  /** A lock's fence lets nobody write who held the lock before the one that wrote last. */
  #checkFences(): void {
    for (const { version } of this.model.history.eventsAt(this.model.revision)) {
      if (!version.key.startsWith(prefixes.fence) || version.isDeleted) {
        continue;
      }
      const token = Number(version.value.split(":")[0]);
      const before = this.#fences.get(version.key) ?? 0;
      promise(
        token >= before,
        "lock",
        () => `the holder with token ${token} writes ${version.key} after the one with token ${before}`,
      );
      this.#fences.set(version.key, token);
    }
  }
}

/** FNV-1a: equal for equal answers, and for few others. PERF: of the text as it is, which no member's answer need be encoded for. */
function digestOf(revision: number, text: string): number {
  let hash = Math.imul(0x811c9dc5 ^ revision, 0x01000193);
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

function seen({ key, kv, modRevision, prevKv, type }: KvEvent): SeenEvent {
  const deleted = { key: textOf(key), value: "", create: 0, mod: modRevision, version: 0, lease: 0n };
  return {
    type,
    pair: kv === null ? deleted : pairOf(kv),
    previous: prevKv === null ? null : pairOf(prevKv),
  };
}

/** What members or the operator propose by themselves, or make of the requests of queues; and what the register puts. */
function isServerMade(command: Command): boolean {
  switch (command.type) {
    case "alarm":
    case "compaction":
    case "lease-checkpoint":
      return true;
    case "lease-revoke":
      return command.fenceTerm !== 0;
    case "txn":
      return command.compares.length === 1 && command.compares.every(({ key }) => isOfLock(key));
    case "delete-range":
      return isOfLock(command.key);
    case "put":
      return !textOf(command.key).startsWith(prefixes.all);
    default:
      return false;
  }
}

function isOfLock(key: Uint8Array): boolean {
  return textOf(key).startsWith(prefixes.lock);
}
