/** Opens a snapshot that etcd made, or its database file: read page by page, checked whole, and turned into a state of ours. */
import { createHash } from "node:crypto";
import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { assert, DecodeError } from "@quorate/base";
import { isPageFile, type PagePort, readEtcdState } from "@quorate/etcd/import";
import { composeImage, KvStateMachine } from "@quorate/kv";
import { CommandError, exitCode } from "../cli/exit-code.ts";

const digestBytes = 32;
/** ETCD: pages come in multiples of this, so that what is left over is the checksum. */
const sectorBytes = 512;
const chunkBytes = 1024 * 1024;

/** The state in etcd's file; null where the file is none of etcd's. @throws {@link CommandError} when it is damaged: where. */
export function openEtcdFile(
  file: string,
  options: { readonly skipHashCheck?: boolean },
): { readonly machine: KvStateMachine; readonly fileBytes: number } | null {
  const handle = openSync(file, "r");
  try {
    const fileBytes = fstatSync(handle).size;
    const hasDigest = fileBytes % sectorBytes === digestBytes;
    const length = hasDigest ? fileBytes - digestBytes : fileBytes;
    const port: PagePort = { length, read: (offset, count) => readAt(handle, offset, count) };
    if (!isPageFile(port)) {
      return null;
    }
    if (options.skipHashCheck !== true) {
      checkDigest(file, port, hasDigest ? readAt(handle, length, digestBytes) : null);
    }
    return { machine: readMachine(file, port), fileBytes };
  } finally {
    closeSync(handle);
  }
}

function readAt(handle: number, offset: number, length: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(length);
  for (let done = 0; done < length; ) {
    const count = readSync(handle, bytes, done, length - done, offset + done);
    if (count === 0) {
      throw new DecodeError("the file became shorter while it was read", offset + done);
    }
    done += count;
  }
  return bytes;
}

function checkDigest(file: string, port: PagePort, digest: Uint8Array | null): void {
  if (digest === null) {
    throw new CommandError(
      `${file} has no SHA-256: it is etcd's database file, or a snapshot that was cut; take one with "snapshot save", or look with --skip-hash-check`,
    );
  }
  const hash = createHash("sha256");
  for (let at = 0; at < port.length; at += chunkBytes) {
    hash.update(port.read(at, Math.min(chunkBytes, port.length - at)));
  }
  if (!hash.digest().equals(digest)) {
    throw new CommandError(
      `${file} is damaged: its SHA-256 does not fit; save it again, or look with --skip-hash-check`,
    );
  }
}

function readMachine(file: string, port: PagePort): KvStateMachine {
  try {
    const state = readEtcdState(port);
    const machine = new KvStateMachine();
    const restore = machine.restore();
    for (const block of composeImage(state)) {
      restore.write(block);
    }
    restore.finish();
    assert(machine.revision === state.revision, "etcd file: not its revision");
    return machine;
  } catch (error) {
    if (error instanceof DecodeError) {
      throw new CommandError(`${file} is no whole file of etcd's: ${error.message}`, exitCode.failure, {
        cause: error,
      });
    }
    throw error;
  }
}
