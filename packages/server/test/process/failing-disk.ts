/** The program on a disk whose n-th sync, or append, of a log segment fails with EIO, and only that one: whoever retries succeeds. */
import { writeFileSync } from "node:fs";
import { type FileCompleted, FileError, type FileHandle, type FileSystem } from "@quorate/wal";
import { runCli } from "../../src/cli/program.ts";
import { runServe } from "../../src/process/run-serve.ts";

const failAt = Number(process.env["FAIL_SYNC_AT"]);
const markFile = process.env["FAIL_SYNC_MARK"] ?? "";
let syncCount = 0;

function unlessFailing(
  syscall: string,
  path: string,
  completed: FileCompleted<void>,
  call: () => void,
): void {
  syncCount += 1;
  if (syncCount === failAt) {
    writeFileSync(markFile, String(Date.now()));
    setImmediate(() => completed(new FileError("EIO", syscall, path)));
  } else {
    call();
  }
}

function failing(file: FileHandle, path: string): FileHandle {
  return {
    read: (offset, length, completed) => file.read(offset, length, completed),
    write: (offset, bytes, completed) => file.write(offset, bytes, completed),
    truncate: (lengthBytes, completed) => file.truncate(lengthBytes, completed),
    size: (completed) => file.size(completed),
    close: (completed) => file.close(completed),
    append: (offset, bytes, completed) =>
      unlessFailing("write", path, completed, () => file.append(offset, bytes, completed)),
    sync: (completed) => unlessFailing("fdatasync", path, completed, () => file.sync(completed)),
  };
}

function wrapFileSystem(inner: FileSystem): FileSystem {
  return {
    open(path, mode, completed) {
      inner.open(path, mode, (error, file) =>
        completed(error, file !== undefined && path.startsWith("wal/") ? failing(file, path) : file),
      );
    },
    makeDirectory: (path, completed) => inner.makeDirectory(path, completed),
    list: (path, completed) => inner.list(path, completed),
    rename: (from, to, completed) => inner.rename(from, to, completed),
    unlink: (path, completed) => inner.unlink(path, completed),
    syncDirectory: (path, completed) => inner.syncDirectory(path, completed),
  };
}

const [command, ...flags] = process.argv.slice(2);
const context = { environment: process.env, startedAs: "quorate" };
process.exitCode =
  command === "serve" && failAt > 0
    ? await runServe({ argv: flags, environment: {}, wrapFileSystem })
    : await runCli(process.argv.slice(2), context);
