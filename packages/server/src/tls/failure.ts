/** What is wrong with files of TLS ends the start, in one line. */
import { CommandError, exitCode } from "../cli/exit-code.ts";
import { TlsFileError } from "./credentials.ts";

/** What `open` gives. @throws CommandError for files that are not good. */
export function orFailure<T>(open: () => T): T {
  try {
    return open();
  } catch (error) {
    if (error instanceof TlsFileError) {
      throw new CommandError(error.message, exitCode.failure, { cause: error });
    }
    throw error;
  }
}
