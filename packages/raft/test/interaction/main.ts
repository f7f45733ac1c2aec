/** `npm run -s interaction -- FILE…`: one line for each script that differs, last how many passed; exit 1 when any differs. */
import { readFileSync } from "node:fs";
import { runScript } from "./run-script.ts";

const files = process.argv.slice(2);
let failedCount = 0;
for (const file of files) {
  const mismatch = runScript(readFileSync(file, "utf8"));
  if (mismatch !== null) {
    failedCount++;
    const { command, name, expected, got } = mismatch;
    process.stdout.write(
      `${file}: command ${command} (${name}): expected ${JSON.stringify(expected)}, got ${JSON.stringify(got)}\n`,
    );
  }
}
process.stdout.write(`${files.length - failedCount} passed, ${failedCount} failed\n`);
process.exitCode = failedCount > 0 || files.length === 0 ? 1 : 0;
