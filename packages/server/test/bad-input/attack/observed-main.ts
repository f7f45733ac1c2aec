/**
 * The program, whose memory can be looked at: on SIGWINCH it collects its garbage and writes down what is left. Not on SIGUSR2: what Node's
 * test runner starts writes a diagnostic report then, into the folder that it was started in.
 */
import { renameSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { runCli } from "../../../src/cli/program.ts";

const file = process.env["MEMORY_FILE_PREFIX"];
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

process.on("SIGWINCH", () => {
  collect();
  // What was only held by what was just freed is freed now.
  setImmediate(() => {
    collect();
    const { arrayBuffers, heapUsed } = process.memoryUsage();
    const path = `${file}${process.pid}`;
    writeFileSync(`${path}.new`, JSON.stringify({ liveMiB: (heapUsed + arrayBuffers) / 2 ** 20 }));
    renameSync(`${path}.new`, path);
  });
});

process.exitCode = await runCli(process.argv.slice(2), { environment: process.env, startedAs: "quorate" });
