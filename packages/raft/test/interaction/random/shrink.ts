/** Makes a script that differs small: parts are left out as long as a difference remains. */
import { runScript } from "../run-script.ts";
import { answerScripts } from "./reference.ts";

/** The smallest script found in which ours and the reference still differ, with the reference's answers. */
export function shrinkScript(program: string, script: readonly string[]): string {
  let best = [...script];
  for (let size = Math.ceil(best.length / 2); size >= 1; ) {
    const candidates = withoutParts(best, size);
    const answers = answerScripts(program, candidates);
    const smaller = candidates.find((_, place) => differs(answers[place] ?? ""));
    if (smaller !== undefined) best = smaller;
    else if (size === 1) break;
    else size = Math.ceil(size / 2);
  }
  return answerScripts(program, [best])[0] ?? "";
}

function withoutParts(script: readonly string[], size: number): string[][] {
  const candidates: string[][] = [];
  // The last parts first: what comes after the difference goes at once.
  for (let end = script.length; end > 1; end -= size) {
    const start = Math.max(1, end - size);
    candidates.push([...script.slice(0, start), ...script.slice(end)]);
  }
  return candidates.filter(isDetermined);
}

/** Whether a time-out is set before each tick; else the reference draws one that nobody can repeat. */
function isDetermined(script: readonly string[]): boolean {
  return script.every((command, place) => {
    const [name, id] = command.split(" ");
    if (name !== "tick-heartbeat" && name !== "tick-election") return true;
    return script[place - 1]?.startsWith(`set-randomized-election-timeout ${id} `) === true;
  });
}

function differs(answered: string): boolean {
  return runScript(answered) !== null;
}
