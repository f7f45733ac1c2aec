/**
 * `node --conditions=source packages/grpc/cli/fuzz-http2.ts [FRAMES] [SEED]`: fuzzes HTTP/2 sessions with a million frames or more. What
 * fails is told with its seed, which repeats it.
 */
import { fuzz } from "../test/http2/fuzz.ts";

const [frames = 1_000_000, seed = 1] = process.argv.slice(2).map(Number);
if (![frames, seed].every((number) => Number.isSafeInteger(number) && number > 0)) {
  console.error("usage: fuzz-http2.ts [FRAMES] [SEED], both positive integers");
  process.exit(2);
}
const beganMs = performance.now();
const totals = await fuzz(seed, frames);
const seconds = (performance.now() - beganMs) / 1000;
console.log(
  `${totals.frames} frames in ${totals.sessions} sessions from seed ${seed}: ${totals.answers} answers, ${seconds.toFixed(1)} s`,
);
for (const [code, count] of [...totals.endings].sort((left, right) => left[0] - right[0])) {
  console.log(code < 0 ? `  ended by the client: ${count}` : `  GOAWAY ${code}: ${count}`);
}
