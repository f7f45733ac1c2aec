/** The program. Everything else is loaded when a command needs it, so that help and errors come at once. */
import { runCli } from "./cli/program.ts";

process.exitCode = await runCli(process.argv.slice(2), {
  environment: process.env,
  // Set by the launcher when it was started by another name, such as etcd through a symbolic link.
  startedAs: process.env["QUORATE_ARGV0"] ?? "quorate",
});
