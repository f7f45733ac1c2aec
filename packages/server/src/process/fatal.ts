/**
 * Fail-stop: a member that finds itself broken ends at once, with one line that says why and an exit code that says what
 * kind. It closes nothing in order: recovery after a crash is the path that is always tested.
 */
import { CommandError, exitCode } from "../cli/exit-code.ts";
import type { Logger } from "../logging/logger.ts";

/** Ends the process now. */
export type Fatal = (error: unknown) => never;

/** Whether `error`, or what caused it, is a disk that did not do what it was told. */
export function isStorageFailure(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    const code = "code" in cause ? cause.code : undefined;
    if (cause.name === "FileError" || cause.name === "StorageError" || code === "STORAGE_IO") {
      return true;
    }
  }
  return false;
}

/** Whether `error`, or what caused it, is a disk without room. */
function isFullDisk(error: unknown): boolean {
  for (let cause = error, depth = 0; cause instanceof Error && depth < 8; cause = cause.cause, depth++) {
    if (
      "code" in cause &&
      (cause.code === "STORAGE_FULL" || cause.code === "ENOSPC" || cause.code === "EDQUOT")
    ) {
      return true;
    }
  }
  return false;
}

/** Makes the function that ends this process, and sends everything to it that nobody caught. */
export function installFatal(logger: Logger): Fatal {
  const fatal: Fatal = (error) => {
    const storage = isStorageFailure(error);
    const message = error instanceof Error ? error.message : String(error);
    const advice = storage
      ? `the disk ${isFullDisk(error) ? "is full" : "failed"}: the process ends so that nothing is acknowledged that is not durable`
      : "internal error: the process ends so that nothing wrong is acknowledged";
    try {
      logger.fatal(advice, { error: message, stack: error instanceof Error ? error.stack : undefined });
      process.stderr.write(`quorate: ${advice}: ${message.replaceAll("\n", " ")}\n`);
    } finally {
      // Not process.exitCode: no further event may run.
      process.exit(
        error instanceof CommandError ? error.code : storage ? exitCode.storage : exitCode.internal,
      );
    }
  };
  process.on("uncaughtException", fatal);
  process.on("unhandledRejection", fatal);
  return fatal;
}
