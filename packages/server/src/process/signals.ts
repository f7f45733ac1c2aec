/** How the process is asked to end. */
import { exitCode } from "../cli/exit-code.ts";

/**
 * Resolves when somebody asks for a clean stop: SIGTERM, SIGINT, or the loss of the parent that started this process with
 * a channel. A second signal ends the process at once.
 */
export function stopRequest(): Promise<string> {
  return new Promise((resolve) => {
    let asked = false;
    const ask = (why: string): void => {
      if (asked) {
        process.exit(exitCode.failure);
      }
      asked = true;
      resolve(why);
    };
    process.on("SIGTERM", () => ask("SIGTERM"));
    process.on("SIGINT", () => ask("SIGINT"));
    process.once("disconnect", () => ask("the parent process is gone"));
  });
}
