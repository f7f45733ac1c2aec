/** `quorate cluster`: a cluster in this process, whose story is told as it happens, until it is told to end. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CommandError, exitCode } from "../cli/exit-code.ts";
import { checkFolder } from "../local-cluster/preflight.ts";
import { describeAction } from "./describe-action.ts";
import { Director } from "./director.ts";
import type { Tell } from "./events.ts";
import { Keys, keyHelp } from "./keys.ts";
import { Narrator, virtualTimeText, wallTimeText } from "./narrator.ts";
import type { ClusterStoryOptions } from "./options.ts";
import { RealStage } from "./real/real-stage.ts";
import { SimulatedStage } from "./simulated/simulated-stage.ts";
import type { Stage } from "./stage.ts";

/** Runs the story to its end; resolves with the exit code. @throws {@link CommandError} when it cannot be played. */
export async function runClusterStory(options: ClusterStoryOptions): Promise<number> {
  return options.seed === null ? playReal(options) : playSimulated(options, options.seed);
}

/** Told where the story is played, before there is a place: events of a stage reach the narrator that its clock belongs to. */
function narratorOf(
  options: ClusterStoryOptions,
  timeText: (nowMs: number) => string,
  stage: () => Stage,
): Tell {
  const narrator = new Narrator({
    json: options.json,
    verbose: options.verbose,
    write: (line) => void process.stdout.write(`${line}\n`),
    nowMs: () => stage().nowMs,
    timeText,
  });
  return (event) => narrator.tell(event);
}

/** What ends a story: once, with a problem or without. */
class Ending {
  /** Resolves when the end is reached. */
  readonly reached: Promise<void>;
  #reach: () => void = () => {};
  #isReached = false;
  #problem: string | null = null;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#reach = resolve;
    });
  }

  get isReached(): boolean {
    return this.#isReached;
  }

  /** Null for a story that went as it was told to. */
  get problem(): string | null {
    return this.#problem;
  }

  /** Only the first call counts. */
  end(problem: string | null): void {
    if (!this.#isReached) {
      this.#isReached = true;
      this.#problem = problem;
      this.#reach();
    }
  }
}

/** Everything that moves the story on by itself. */
function begin(
  options: ClusterStoryOptions,
  stage: Stage,
  director: Director,
  tell: Tell,
  ending: Ending,
): void {
  if (options.killLeaderAfterMs !== null) {
    const steps = [
      {
        line: 0,
        text: "",
        atMs: options.killLeaderAfterMs,
        afterMs: 0,
        action: { do: "wait-leader" } as const,
      },
      { line: 0, text: "", atMs: 0, afterMs: 0, action: { do: "kill", target: "leader" } as const },
    ];
    director.play(steps, "--kill-leader-after", (problem) => {
      if (problem !== null) {
        tell({ event: "refused", action: "kill the leader", why: problem });
      }
    });
  }
  if (options.script !== null) {
    director.play(options.script.steps, options.script.path, (problem) => ending.end(problem));
  }
  if (options.durationMs !== null) {
    stage.after(Math.ceil(Math.max(0, options.durationMs - stage.nowMs)), () => ending.end(null));
  }
}

async function playReal(options: ClusterStoryOptions): Promise<number> {
  const folder = options.dataDir ?? mkdtempSync(join(tmpdir(), "quorate-cluster-"));
  checkFolder(folder);
  const ending = new Ending();
  const tell: Tell = narratorOf(options, wallTimeText, () => stage);
  const stage = new RealStage(options, folder, tell);
  const director = new Director(stage, tell, () => ending.end(null));
  const onSignal = (): void => ending.end(null);
  process.on("SIGINT", onSignal);
  process.on("SIGTERM", onSignal);
  const releaseKeys = options.script === null ? listenToKeys(director, tell, options.json) : () => {};
  try {
    stage.start((problem) => {
      if (problem === null) {
        begin(options, stage, director, tell, ending);
      } else {
        ending.end(problem);
      }
    });
    await ending.reached;
    tell({ event: "stopping" });
    const late = await new Promise<string | null>((resolve) => stage.stop(resolve));
    return finish(ending.problem ?? late, tell);
  } finally {
    releaseKeys();
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    if (options.dataDir === null) {
      rmSync(folder, { recursive: true, force: true });
    }
  }
}

/** In a terminal only: a pipe has no keys, and its end is not the end of the story. */
function listenToKeys(director: Director, tell: Tell, json: boolean): () => void {
  const { stdin } = process;
  if (!stdin.isTTY) {
    return () => {};
  }
  const say = (text: string): void => void (json ? process.stderr : process.stdout).write(`${text}\n`);
  const keys = new Keys({
    say,
    act: (action) =>
      director.perform(action, (problem) => {
        if (problem !== null) {
          tell({ event: "refused", action: describeAction(action), why: problem });
        }
      }),
  });
  const onData = (text: string): void => keys.typed(text);
  stdin.setRawMode(true);
  stdin.setEncoding("utf8");
  stdin.on("data", onData);
  stdin.resume();
  say(keyHelp);
  return () => {
    stdin.off("data", onData);
    stdin.setRawMode(false);
    stdin.pause();
  };
}

/** Virtual time is free; a story that nothing ends is cut here. */
const simulatedMsMax = 3_600_000;

function playSimulated(options: ClusterStoryOptions, seed: number): number {
  const ending = new Ending();
  const tell: Tell = narratorOf(options, virtualTimeText, () => stage);
  const stage = new SimulatedStage(options, seed, tell);
  const director = new Director(stage, tell, () => ending.end(null));
  stage.start((problem) => {
    if (problem === null) {
      begin(options, stage, director, tell, ending);
    } else {
      ending.end(problem);
    }
  });
  stage.run(simulatedMsMax, () => ending.isReached);
  tell({ event: "stopping" });
  return finish(ending.problem, tell);
}

function finish(problem: string | null, tell: Tell): number {
  if (problem !== null) {
    throw new CommandError(problem);
  }
  tell({ event: "stopped" });
  return exitCode.ok;
}
