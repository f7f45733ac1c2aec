/** The program, whose memory can be looked at: on SIGUSR2 it collects its garbage and writes down what is left. */
import { renameSync, writeFileSync } from "node:fs";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { runCli } from "../../../src/cli/program.ts";

const file = process.env["MEMORY_FILE_PREFIX"];
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

process.on("SIGUSR2", () => {
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
