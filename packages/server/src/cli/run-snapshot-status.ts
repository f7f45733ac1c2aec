/** The work of `quorate snapshot status`: the checksum, then the whole state is rebuilt in memory, so that nothing is taken on trust. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { DecodeError } from "@quorate/base";
import { readSnapshotFile } from "@quorate/etcd";
import { KvStateMachine, UnsupportedFormat } from "@quorate/kv";
import { idText } from "../identity/member-id.ts";
import { CommandError, exitCode } from "./exit-code.ts";
import { formatTable } from "./table.ts";

/** What `quorate snapshot status` was asked. */
interface SnapshotStatusRequest {
  readonly file: string;
  readonly json: boolean;
}

/** What a snapshot holds. */
interface SnapshotFacts {
  readonly clusterId: number;
  readonly machine: KvStateMachine;
}

const digestBytes = 32;

/** Prints what the file holds. @throws {@link CommandError} when it cannot be read, is damaged, or is none. */
export function runSnapshotStatus({ file, json }: SnapshotStatusRequest): Promise<number> {
  const bytes = readWhole(file);
  const { clusterId, machine } = openSnapshot(file, bytes);
  const hashed = machine.hashKv();
  const found = machine.range({ ...everything, countOnly: true });
  if (hashed.type === "refused" || found.type === "refused") {
    throw new CommandError(`${file} cannot be looked through`);
  }
  const facts = {
    hash: hashed.hash,
    revision: machine.revision,
    compactRevision: machine.compactRevision,
    totalKey: found.count,
    totalSize: bytes.length,
    clusterId: idText(clusterId),
    appliedIndex: machine.appliedIndex,
    appliedTerm: machine.appliedTerm,
  };
  process.stdout.write(
    json
      ? `${JSON.stringify(facts)}\n`
      : formatTable(Object.entries(facts).map(([name, value]) => [name, String(value)])),
  );
  return Promise.resolve(exitCode.ok);
}

function readWhole(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CommandError(`${file} cannot be read (${code}): name a snapshot file`, exitCode.failure, {
      cause: error,
    });
  }
}

function openSnapshot(file: string, bytes: Uint8Array): SnapshotFacts {
  const body = bytes.subarray(0, Math.max(0, bytes.length - digestBytes));
  const digest = createHash("sha256").update(body).digest();
  if (body.length === 0 || Buffer.compare(digest, bytes.subarray(body.length)) !== 0) {
    throw new CommandError(`${file} is damaged: its SHA-256 does not fit; save it again`);
  }
  try {
    const { clusterId, image } = readSnapshotFile(body);
    const machine = new KvStateMachine();
    const restore = machine.restore();
    restore.write(image);
    restore.finish();
    return { clusterId, machine };
  } catch (error) {
    if (error instanceof DecodeError || error instanceof UnsupportedFormat) {
      throw new CommandError(
        `${file} is no snapshot that this version reads: ${error.message}`,
        exitCode.failure,
        {
          cause: error,
        },
      );
    }
    throw error;
  }
}

const everything = {
  type: "range",
  key: Uint8Array.of(0),
  rangeEnd: Uint8Array.of(0),
  limit: 0,
  revision: 0,
  sortOrder: "none",
  sortTarget: "key",
  serializable: true,
  keysOnly: false,
  countOnly: false,
  minModRevision: 0,
  maxModRevision: 0,
  minCreateRevision: 0,
  maxCreateRevision: 0,
} as const;
