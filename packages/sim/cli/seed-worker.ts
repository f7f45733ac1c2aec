/** One thread of a {@link SeedPool}: takes the number of a seed, answers with what came out of it. */
import { parentPort, workerData } from "node:worker_threads";
import { type ProfileName, profileNames } from "@quorate/sim";
import { runSeed } from "./seed-outcome.ts";

const port = parentPort;
const profile: ProfileName | undefined = profileNames.find((name) => name === workerData);
if (port === null || profile === undefined) {
  throw new Error("seed worker: runs as a thread of npm run sim, with the name of a profile");
}
port.on("message", (seed: number) => port.postMessage(runSeed(seed, profile)));
