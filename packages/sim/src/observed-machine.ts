/** A member's state machine with the oracle looking over its shoulder: the production store, and what clients do with it. */
import { crc32c, must, utf8Decode, utf8Encode } from "@quorate/base";
import { decodeSigned, encodeCommand, type KeyValue, type KvResult, KvStateMachine } from "@quorate/kv";
import type {
  ApplyContext,
  NodeId,
  StateMachine,
  StateMachineImage,
  StateMachineRestore,
} from "@quorate/raft";
import type { Oracle } from "./checkers/oracle.ts";
import { prefixes } from "./etcd/names.ts";
import { promise } from "./violation.ts";
import type { Watch } from "./watch.ts";

/** The command of a put. */
export function encodePut(key: string, value: string): Uint8Array {
  return encodeCommand({
    type: "put",
    key: utf8Encode(key),
    value: utf8Encode(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
  });
}

/** One per life of a member: memory does not survive a crash. */
export class ObservedMachine implements StateMachine<KvResult> {
  readonly #node: NodeId;
  readonly #machine = new KvStateMachine();
  readonly #oracle: Oracle;
  readonly #watch: Watch;
  #snapshotCount = 0;

  constructor(node: NodeId, oracle: Oracle, watch: Watch) {
    this.#node = node;
    this.#oracle = oracle;
    this.#watch = watch;
  }

  /** Images pinned so far. */
  get snapshotCount(): number {
    return this.#snapshotCount;
  }

  /** The store's revision. */
  get revision(): number {
    return this.#machine.revision;
  }

  apply(command: Uint8Array, context: ApplyContext): KvResult {
    const result = this.#machine.apply(command, context);
    this.#watch.check(() => this.#applied(command, context, result));
    return result;
  }

  #applied(command: Uint8Array, { index, term }: ApplyContext, result: KvResult): void {
    const { etcd, history } = this.#oracle;
    const signed = decodeSigned(command);
    const decoded = signed.command;
    const digest = etcd.applied({ index, term }, signed, result);
    this.#oracle.applied(this.#node, index, term, command, digest);
    if (decoded.type === "compaction") {
      this.#hash(index);
    }
    if (decoded.type === "put" && result.type === "put" && isOfRegister(decoded.key)) {
      const value = text(decoded.value);
      history.applied(index, text(decoded.key), value);
      history.made(value, result.revision);
    }
  }

  /** What members compare by HashKV, and all the rest: the bytes of an image. */
  #hash(index: number): void {
    const hash = this.#machine.hashKv();
    promise(hash.type === "hash-kv", "kv-model", () => "the history up to now cannot be hashed");
    this.#oracle.etcd.hashed(this.#node, index, `${hash.hash} ${imageHash(this.#machine)}`);
  }

  /** The machine itself, for the API above it. */
  get kv(): KvStateMachine {
    return this.#machine;
  }

  lookAhead(commands: readonly Uint8Array[]): void {
    this.#machine.lookAhead(commands);
  }

  snapshot(): StateMachineImage {
    this.#snapshotCount++;
    return this.#machine.snapshot();
  }

  lastSnapshot(): StateMachineImage {
    this.#snapshotCount++;
    return this.#machine.lastSnapshot();
  }

  restore(): StateMachineRestore {
    const restore = this.#machine.restore();
    return {
      copies: restore.copies,
      write: (chunk) => restore.write(chunk),
      finish: () => {
        restore.finish();
        this.#watch.check(() => {
          this.#oracle.restored(this.#node, this.#machine.appliedIndex);
          this.#oracle.etcd.restored(this.#node, this.#machine);
        });
      },
    };
  }

  /** The value of a key now, null where it is absent. */
  valueAt(key: string): string | null {
    const found = this.#range(utf8Encode(key), new Uint8Array(0))[0];
    return found === undefined ? null : text(found.value);
  }

  /** The hash of all history that is kept. */
  historyHash(): number {
    const hash = this.#machine.hashKv();
    return hash.type === "hash-kv" ? hash.hash : -1;
  }

  /** A hash of the whole state, bit by bit. */
  digest(): number {
    return imageHash(this.#machine);
  }

  #range(key: Uint8Array, rangeEnd: Uint8Array): readonly KeyValue[] {
    const result = this.#machine.range({
      type: "range",
      key,
      rangeEnd,
      limit: 0,
      revision: 0,
      sortOrder: "none",
      sortTarget: "key",
      serializable: false,
      keysOnly: false,
      countOnly: false,
      minModRevision: 0,
      maxModRevision: 0,
      minCreateRevision: 0,
      maxCreateRevision: 0,
    });
    return result.type === "range" ? result.kvs : [];
  }
}

function text(bytes: Uint8Array): string {
  return must(utf8Decode(bytes), "machine: not text");
}

/** Equal images have equal hashes: history, members, leases, rights and alarms. */
function imageHash(machine: KvStateMachine): number {
  const image = machine.snapshot();
  let hash = 0;
  let part = image.read(imageSliceBytes, imageRoom);
  for (; part !== null; part = image.read(imageSliceBytes, imageRoom)) {
    hash = crc32c(part, hash);
  }
  image.close();
  return hash;
}

const imageSliceBytes = 65_536;
// PERF: one for all; memory outside the heap sets off collections.
const imageRoom: Uint8Array = new Uint8Array(2 * imageSliceBytes);

const apiPrefix: Uint8Array = utf8Encode(prefixes.all);

/** Keys of the register begin otherwise than those of the clients of the API. */
function isOfRegister(key: Uint8Array): boolean {
  return apiPrefix.some((byte, i) => byte !== key[i]);
}
