/** What keeps a member from listening, in one line that says what to do. */
import { errorCode } from "@quorate/base";
import { CommandError } from "../cli/exit-code.ts";

/** The one line for an address that cannot be listened at. */
export function listenFailure(flag: string, url: string, error: unknown): CommandError {
  const code = errorCode(error) ?? String(error);
  if (url.startsWith("unix:")) {
    const inUse = code === "EADDRINUSE" ? "something else has that file" : `cannot make the socket (${code})`;
    return new CommandError(`${flag} ${url}: ${inUse}; choose another`, undefined, { cause: error });
  }
  const advice =
    code === "EADDRINUSE"
      ? "the port is in use; stop the program that has it, or choose another"
      : code === "EADDRNOTAVAIL"
        ? "this machine does not have the address; choose one it has"
        : code === "EACCES"
          ? "this user may not listen there; choose a port above 1023"
          : `cannot listen (${code})`;
  return new CommandError(`${flag} ${url}: ${advice}`, undefined, { cause: error });
}
