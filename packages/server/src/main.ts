/** The program. Everything else is loaded when a command needs it, so that help and errors come at once. */
import { runCli } from "./cli/program.ts";

// Whoever reads the output has seen enough (`| head`): no failure of ours, but nobody watches any more. What runs on ends as by Ctrl-C.
let isWatched = true;
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") {
    throw error;
  }
  if (isWatched && process.listenerCount("SIGINT") > 0) {
    process.kill(process.pid, "SIGINT");
  } else if (isWatched) {
    process.exit(0);
  }
  isWatched = false;
});

process.exitCode = await runCli(process.argv.slice(2), {
  environment: process.env,
  // Set by the launcher when it was started by another name, such as etcd through a symbolic link.
  startedAs: process.env["QUORATE_ARGV0"] ?? "quorate",
});
