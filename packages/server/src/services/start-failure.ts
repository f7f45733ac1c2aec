/** What keeps a member from starting, in one line that says what to do. */
import { StorageError } from "@quorate/raft";
import { FileError } from "@quorate/wal";
import { CommandError, exitCode } from "../cli/exit-code.ts";

const restoreAdvice =
  "restore the folder from a copy, or move it away, remove the member from the cluster and add it again";

/** The line for `error`, which opening the data directory met; null when it is not about the data directory. */
export function dataDirectoryFailure(dataDir: string, error: unknown): CommandError | null {
  if (error instanceof StorageError) {
    return storageFailure(dataDir, error);
  }
  if (error instanceof FileError || isOfFileBelow(dataDir, error)) {
    const { code, path, syscall } = error;
    const where = `${syscall} ${path}`;
    return code === "ENOSPC"
      ? fullDisk(dataDir, where, error)
      : failure(
          `data directory ${dataDir} cannot be used (${where}: ${code}): make it readable and writable for this user, or choose another with --data-dir`,
          error,
        );
  }
  return null;
}

/** What the system says of a file that is not the log's: the lock, notes. */
function isOfFileBelow(
  dataDir: string,
  error: unknown,
): error is NodeJS.ErrnoException & { readonly path: string } {
  const { code, path, syscall } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return code !== undefined && syscall !== undefined && path?.startsWith(`${dataDir}/`) === true;
}

function fullDisk(dataDir: string, where: string, cause: unknown): CommandError {
  return failure(`data directory ${dataDir}: no space is left (${where}): free some`, cause);
}

/** Peers repair a damaged log; a member alone is asked what it may go on without. What nobody can repair is to be added anew. */
function damageAdvice(dataDir: string, file: string): string {
  return file.startsWith("wal") || file.startsWith("snap")
    ? `restore the folder from a copy, or go on without the damaged part: "quorate recover --data-dir ${dataDir} --discard-damaged --dry-run" shows what that takes`
    : restoreAdvice;
}

function storageFailure(dataDir: string, error: StorageError): CommandError {
  const { info } = error;
  switch (info.code) {
    case "STORAGE_CORRUPT":
      return failure(
        `data directory ${dataDir} is damaged: ${info.file} at byte ${info.offset}: ${info.why}; see "quorate wal dump ${dataDir}"; ${damageAdvice(dataDir, info.file)}`,
        error,
      );
    case "STORAGE_LOCKED":
      return failure(
        `data directory ${dataDir} is in use by another process (${info.file}): stop it, or choose another with --data-dir`,
        error,
      );
    case "STORAGE_FOREIGN":
      return failure(
        `data directory ${dataDir} is not this member's: ${info.file} is of ${info.found}, expected ${info.expected}; correct --data-dir, --name or --initial-cluster`,
        error,
      );
    case "STORAGE_KEY":
      return failure(
        `data directory ${dataDir} needs encryption key ${info.keyId}: ${info.why}; add the key to the file that --encryption-key-file names`,
        error,
      );
    case "STORAGE_VERSION":
      return failure(
        `data directory ${dataDir}: ${info.file} has format version ${info.version}, which this program does not know: start the version that wrote it`,
        error,
      );
    case "STORAGE_FULL":
      return fullDisk(dataDir, `${info.syscall} ${info.file}`, error);
    case "STORAGE_IO":
      return failure(
        `data directory ${dataDir}: the disk failed (${info.syscall} ${info.file}): look at the system's log before starting again`,
        error,
        exitCode.storage,
      );
    default:
      return failure(`data directory ${dataDir} cannot be opened: ${error.message}`, error);
  }
}

function failure(message: string, cause: unknown, code: number = exitCode.failure): CommandError {
  return new CommandError(message, code, { cause });
}
