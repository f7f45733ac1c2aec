/**
 * `node scripts/judge.ts [REGEX]`: etcd's own black-box tests against this server, or those whose names match. A test that failed
 * gets a second chance, and the line says so. It needs Go, and fixed ports from 20000 on: one run at a time.
 */

import { withoutGo } from "../interop/go.ts";
import { complaintOf, Judge, type Verdict } from "../interop/judge.ts";

const timeoutSeconds = 180;

/** Tests that look for what only a program in Go has, and why; one that is asked for by its name runs nevertheless. */
const cannotPass: ReadonlyMap<string, string> = new Map([
  ["TestAuthority", "it reads the server's :authority in the debug log of Go's HTTP/2 library"],
]);

if (withoutGo !== false) {
  console.log(`judge: ${withoutGo}`);
  console.log("0 passed, 0 failed, 1 skipped");
  process.exit(0);
}

const judge = new Judge();
const counts: Record<Verdict["status"], number> = { passed: 0, failed: 0, skipped: 0 };
const complaints: string[] = [];
try {
  for (const name of await judge.list(process.argv[2] ?? ".")) {
    const reason = cannotPass.get(name);
    if (reason !== undefined && process.argv[2] !== name) {
      counts.skipped++;
      console.log(`skipped ${name}: ${reason}`);
      continue;
    }
    let verdict = await judge.run(name, timeoutSeconds);
    let note = "";
    if (verdict.status === "failed") {
      verdict = await judge.run(name, timeoutSeconds);
      note = ", second attempt";
    }
    counts[verdict.status]++;
    console.log(`${verdict.status.padEnd(7)} ${name} (${verdict.seconds.toFixed(1)} s${note})`);
    if (verdict.status === "failed") {
      complaints.push(`--- ${name}\n${complaintOf(verdict.output)}`);
    }
  }
} finally {
  judge.close();
}
for (const complaint of complaints) {
  console.log(complaint);
}
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exit(counts.failed === 0 ? 0 : 1);
