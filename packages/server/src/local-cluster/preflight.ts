/** What would make three servers fail one after the other is found before the first is started. */
import { once } from "node:events";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { CommandError } from "../cli/exit-code.ts";

/** @throws {@link CommandError} when the folder cannot be made or written. */
export function checkFolder(folder: string): void {
  const probe = join(folder, `.write-test-${process.pid}`);
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(probe, "");
    rmSync(probe);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CommandError(
      `data folder ${folder} cannot be written (${code}): make it writable, or choose another with --data-dir`,
      undefined,
      { cause: error },
    );
  }
}

/** @throws {@link CommandError} when somebody else has one of the ports. */
export async function checkPorts(ports: readonly number[]): Promise<void> {
  for (const port of ports) {
    const server = createServer();
    try {
      server.listen(port, "127.0.0.1");
      await once(server, "listening");
      server.close();
      await once(server, "close");
    } catch (error) {
      const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
      throw new CommandError(
        code === "EADDRINUSE"
          ? `port ${port} is in use: stop the program that has it, or choose others with --client-ports`
          : `port ${port} cannot be used (${code}): choose others with --client-ports`,
        undefined,
        { cause: error },
      );
    }
  }
}
