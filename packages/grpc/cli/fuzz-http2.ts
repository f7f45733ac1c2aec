/**
 * `node --conditions=source packages/grpc/cli/fuzz-http2.ts [FRAMES] [SEED]`: fuzzes HTTP/2 sessions with a million frames or more. What
 * fails is told with its seed, which repeats it.
 */
import { fuzz } from "../test/http2/fuzz.ts";

const frames = Number(process.argv[2] ?? 1_000_000);
const seed = Number(process.argv[3] ?? 1);
const beganMs = performance.now();
const totals = await fuzz(seed, frames);
const seconds = (performance.now() - beganMs) / 1000;
console.log(
  `${totals.frames} frames in ${totals.sessions} sessions from seed ${seed}: ${totals.answers} answers, ${seconds.toFixed(1)} s`,
);
for (const [code, count] of [...totals.endings].sort((left, right) => left[0] - right[0])) {
  console.log(code < 0 ? `  ended by the client: ${count}` : `  GOAWAY ${code}: ${count}`);
}
