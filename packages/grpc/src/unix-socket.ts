/** Files of unix sockets: what a process leaves behind when it is killed must not keep the next one from listening. */
import { lstat, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { errorCode } from "@quorate/base";

/** Removes the socket at `path` when nobody listens there. Any other file stays: to listen there then fails. */
export async function removeDeadSocket(path: string): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === "ENOENT") {
      return null;
    }
    throw error;
  });
  if (found?.isSocket() === true && !(await isServed(path))) {
    await unlink(path);
  }
}

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    // A socket that may not be opened, or has no room for one more, has somebody behind it.
    socket.once("error", (error) => resolve(errorCode(error) !== "ECONNREFUSED"));
  });
}
