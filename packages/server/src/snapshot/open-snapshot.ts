/** Reads a snapshot file whole, ours or etcd's: its checksum, its frame, and the state in it, which is rebuilt so that nothing is taken on trust. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { DecodeError, errorCode } from "@quorate/base";
import { readSnapshotFile } from "@quorate/etcd";
import { KvStateMachine, UnsupportedFormat } from "@quorate/kv";
import { CommandError, exitCode } from "../cli/exit-code.ts";
import { openEtcdFile } from "./etcd-file.ts";

/** What a file holds. */
interface OpenedSnapshot {
  /** Null for a file of etcd's, which does not say. */
  readonly clusterId: number | null;
  readonly machine: KvStateMachine;
  readonly fileBytes: number;
}

const digestBytes = 32;
/** Bytes that are handed on at once, so that damage is found near where it is. */
const chunkBytes = 64 * 1024;

/** Opens a file. @throws {@link CommandError} when it cannot be read, is damaged, or is none: where, and what to do. */
export function openSnapshot(
  file: string,
  options: { readonly skipHashCheck?: boolean } = {},
): OpenedSnapshot {
  const foreign = readOrFail(file, () => openEtcdFile(file, options));
  if (foreign !== null) {
    return { ...foreign, clusterId: null };
  }
  const bytes: Uint8Array = readOrFail(file, () => readFileSync(file));
  const body = bytes.subarray(0, Math.max(0, bytes.length - digestBytes));
  const fits =
    body.length > 0 &&
    Buffer.compare(createHash("sha256").update(body).digest(), bytes.subarray(body.length)) === 0;
  if (!fits && options.skipHashCheck !== true) {
    const place =
      body.length === 0
        ? "it is too short to have one"
        : (faultOf(file, body) ?? "what it holds can be read all the same");
    throw new CommandError(
      `${file} is damaged: its SHA-256 does not fit (${place}); save it again, or look with --skip-hash-check`,
    );
  }
  // A file that was cut may lack its checksum: then all of it is the body.
  return {
    ...readBody(file, fits || bytes.length % 512 === digestBytes ? body : bytes),
    fileBytes: bytes.length,
  };
}

function readOrFail<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof CommandError || errorCode(error) === null) {
      throw error;
    }
    const code = errorCode(error);
    throw new CommandError(`${file} cannot be read (${code}): name a snapshot file`, exitCode.failure, {
      cause: error,
    });
  }
}

/** What is wrong inside, for a message; null when nothing shows. */
function faultOf(file: string, body: Uint8Array): string | null {
  try {
    readBody(file, body);
    return null;
  } catch (error) {
    return error instanceof CommandError ? error.message.replace(`${file} `, "") : String(error);
  }
}

function readBody(file: string, body: Uint8Array): Omit<OpenedSnapshot, "fileBytes"> {
  let at = 0;
  try {
    const { clusterId, image } = readSnapshotFile(body);
    const start = image.byteOffset - body.byteOffset;
    const machine = new KvStateMachine();
    const restore = machine.restore();
    for (let from = 0; from < image.length; from += chunkBytes) {
      at = start + from;
      restore.write(image.subarray(from, from + chunkBytes));
    }
    at = start + image.length;
    restore.finish();
    return { clusterId, machine };
  } catch (error) {
    if (error instanceof DecodeError || error instanceof UnsupportedFormat) {
      throw new CommandError(
        `${file} is no snapshot that this version reads: at byte ${at} or within ${chunkBytes} bytes behind it: ${error.message}`,
        exitCode.failure,
        { cause: error },
      );
    }
    throw error;
  }
}
