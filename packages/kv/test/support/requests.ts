/** Short ways to write requests in tests: keys and values as text, every other field optional. */
import assert from "node:assert/strict";
import { ByteWriter, DecodeError, utf8Encode } from "@quorate/base";
import type {
  Command,
  Compare,
  CompareOperand,
  CompareResult,
  DeleteRangeRequest,
  KvImage,
  KvResult,
  Principal,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from "@quorate/kv";
import { encodeCommand, KvStateMachine, UnsupportedFormat, writeOnBehalf } from "@quorate/kv";

export const bytes = utf8Encode;

export function put(key: string, value: string, fields: Partial<PutRequest> = {}): PutRequest {
  return {
    type: "put",
    key: bytes(key),
    value: bytes(value),
    lease: 0n,
    prevKv: false,
    ignoreValue: false,
    ignoreLease: false,
    ...fields,
  };
}

export function range(key: string, rangeEnd = "", fields: Partial<RangeRequest> = {}): RangeRequest {
  return {
    type: "range",
    key: bytes(key),
    rangeEnd: bytes(rangeEnd),
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
    ...fields,
  };
}

export function del(key: string, rangeEnd = "", prevKv = false): DeleteRangeRequest {
  return { type: "delete-range", key: bytes(key), rangeEnd: bytes(rangeEnd), prevKv };
}

export function txn(
  compares: readonly Compare[],
  success: readonly RequestOp[],
  failure: readonly RequestOp[] = [],
): TxnRequest {
  return { type: "txn", compares, success, failure };
}

export function compare(key: string, result: CompareResult, operand: CompareOperand, rangeEnd = ""): Compare {
  return { key: bytes(key), rangeEnd: bytes(rangeEnd), result, ...operand };
}

/** A result with its views turned into text, so that it can be kept and compared. */
export function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) {
    return Buffer.from(value).toString("latin1");
  }
  if (Array.isArray(value)) {
    return value.map(plain);
  }
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, plain(field)]));
  }
  return value;
}

/** The bytes of a command on somebody's behalf. */
export function signed(principal: Principal, command: Command): Uint8Array {
  const writer = new ByteWriter();
  writeOnBehalf(writer, principal, encodeCommand(command));
  return writer.finish();
}

/** A machine that counts the log's indexes itself. */
export class Driver {
  readonly machine: KvStateMachine;
  index: number;

  constructor(machine: KvStateMachine = new KvStateMachine()) {
    this.machine = machine;
    this.index = machine.appliedIndex;
  }

  /** Applies through the binary form, as the log does, and keeps the result. */
  apply(command: Command): KvResult {
    this.index++;
    return plain(this.machine.apply(encodeCommand(command), { index: this.index, term: 1 })) as KvResult;
  }

  /** {@link apply}, on behalf of somebody; null for nobody. */
  applyAs(principal: Principal | null, command: Command): KvResult {
    if (principal === null) {
      return this.apply(command);
    }
    this.index++;
    const bytes = signed(principal, command);
    return plain(this.machine.apply(bytes, { index: this.index, term: 1 })) as KvResult;
  }

  compact(revision: number): KvResult {
    return this.apply({ type: "compaction", revision, physical: false });
  }

  /** Sweeps until nothing is left. */
  sweepAll(): void {
    for (let slices = 0; this.machine.sweep(7); slices++) {
      if (slices > 1_000_000) {
        throw new Error("sweep does not end");
      }
    }
  }

  /** The range's answer, kept. */
  range(request: RangeRequest): { kvs: { key: string; value: string }[]; count: number; more: boolean } {
    return plain(this.machine.range(request)) as never;
  }

  /** Keys of a range, as text. */
  keys(request: RangeRequest): string[] {
    return this.range(request).kvs.map((kv) => kv.key);
  }
}

/** The machine's image, read in chunks of `bytesMax`. */
export function readImage(machine: KvStateMachine, bytesMax = 100): Uint8Array {
  return readAll(machine.snapshot(), bytesMax);
}

/** The last image of a machine, as it lies in memory. */
export function readLastImage(machine: KvStateMachine, bytesMax = 1 << 16): Uint8Array {
  return readAll(machine.lastSnapshot(), bytesMax);
}

function readAll(image: KvImage, bytesMax: number): Uint8Array {
  const chunks: Uint8Array[] = [];
  for (let chunk = image.read(bytesMax); chunk !== null; chunk = image.read(bytesMax)) {
    chunks.push(chunk);
  }
  image.close();
  return Buffer.concat(chunks);
}

/** A machine that is given `image` throws, for it is damaged, cut or newer. */
export function assertImageRefused(machine: KvStateMachine, image: Uint8Array): void {
  assert.throws(
    () => {
      const restore = machine.restore();
      restore.write(image);
      restore.finish();
    },
    (error: unknown) => error instanceof DecodeError || error instanceof UnsupportedFormat,
  );
}

/** A new machine with the state of `image`, fed in chunks of `chunkBytes`. */
export function restored(image: Uint8Array, chunkBytes = 77): KvStateMachine {
  const machine = new KvStateMachine({ hashSeed: 99 });
  const restore = machine.restore();
  for (let at = 0; at < image.length; at += chunkBytes) {
    restore.write(image.subarray(at, at + chunkBytes));
  }
  restore.finish();
  return machine;
}
