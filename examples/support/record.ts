/**
 * What a test of the checklist saw, kept for docs/seeds.md: which command a user types, what came out, and which test holds it.
 * `npm run test:examples` gathers the recordings; a test that runs alone leaves the document as it is.
 */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import type { TestContext } from "node:test";
import { fileURLToPath } from "node:url";

/** The checkout's top folder. */
const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/** One thing that a test tried as a user would. */
interface RecordedRun {
  /** Of the checklist: `S1.3`. */
  readonly item: string;
  /** As typed in a shell at the top of the checkout. Ports and folders of the test may stand in it. */
  readonly command: string;
  /** What it printed, or the part of it that shows the item. What varies from run to run is taken out by the document. */
  readonly output: string;
  /** The test's context, or `path: name of the test`. */
  readonly test: TestContext | string;
}

/** Where recordings lie until the document is made. */
const recordingsFolder: string = join(root, ".cache/seeds");

/** Keeps a recording. The same command of the same test again replaces it. */
export function recordRun({ item, command, output, test }: RecordedRun): void {
  if (!/^S[1-4]\.[1-9][0-9]?$/.test(item)) {
    throw new Error(`"${item}" is not an item of the checklist`);
  }
  if (command.trim() === "" || output.trim() === "") {
    throw new Error(`${item}: a recording needs a command and what it printed`);
  }
  const held = typeof test === "string" ? test : `${relative(root, test.filePath ?? "")}: ${test.fullName}`;
  // Ports differ from run to run; the recording of a step keeps its place.
  const place = createHash("sha256")
    .update(`${item}\n${held}\n${command.replaceAll(/\d+/g, "#")}`)
    .digest("hex");
  mkdirSync(recordingsFolder, { recursive: true });
  const file = join(recordingsFolder, `${item}-${place.slice(0, 12)}.json`);
  writeFileSync(file, `${JSON.stringify({ item, command, output, test: held }, null, 2)}\n`);
}
