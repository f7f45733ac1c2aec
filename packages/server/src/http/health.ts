/** ETCD: /health, /livez and /readyz answer as etcd's do; probes of many platforms parse them. */
import { type HttpAnswer, type HttpQuestion, textAnswer } from "./http-answer.ts";
import type { ServerProbe } from "./server-probe.ts";

/** Passes when it calls back with null, else with the reason. */
type Check = (probe: ServerProbe, completed: (problem: string | null) => void) => void;

const serializableRead: Check = (probe, completed) => completed(probe.checkSerializable());
const linearizableRead: Check = (probe, completed) => probe.checkLinearizable(completed);
const dataCorruption: Check = (probe, completed) =>
  completed(probe.status().alarms.includes("CORRUPT") ? "alarm activated: CORRUPT" : null);
const nonLearner: Check = (probe, completed) =>
  completed(probe.status().isLearner ? "local node is a raft learner and not ready" : null);

/** The checks by endpoint and name, in the order they are reported. */
const checks: ReadonlyMap<string, ReadonlyMap<string, Check>> = new Map([
  ["livez", new Map([["serializable_read", serializableRead]])],
  [
    "readyz",
    new Map([
      ["data_corruption", dataCorruption],
      ["serializable_read", serializableRead],
      ["linearizable_read", linearizableRead],
      ["non_learner", nonLearner],
    ]),
  ],
]);

/** `/health`, also with `?serializable=true`. */
export function answerHealth(
  probe: ServerProbe,
  question: HttpQuestion,
  completed: (answer: HttpAnswer) => void,
): void {
  const answer = (reason: string): void =>
    completed({
      status: reason === "" ? 200 : 503,
      // ETCD: JSON, but not called so.
      contentType: "text/plain; charset=utf-8",
      body: JSON.stringify({ health: reason === "" ? "true" : "false", reason }),
    });
  const excluded = new Set(question.query.getAll("exclude"));
  const alarm = probe.status().alarms.find((kind) => !excluded.has(kind));
  if (alarm !== undefined) {
    answer(`ALARM ${alarm}`);
    return;
  }
  if (question.query.get("serializable") === "true") {
    const problem = probe.checkSerializable();
    answer(problem === null ? "" : `RANGE ERROR:${problem}`);
    return;
  }
  if (probe.status().leader === 0) {
    answer("RAFT NO LEADER");
    return;
  }
  probe.checkLinearizable((problem) => answer(problem === null ? "" : `RANGE ERROR:${problem}`));
}

/** `/livez`, `/readyz`, and one check of these alone as in `/readyz/linearizable_read`; null for any other path. */
export function answerChecks(
  probe: ServerProbe,
  question: HttpQuestion,
  completed: (answer: HttpAnswer) => void,
): boolean {
  const [, endpoint = "", name, ...deeper] = question.path.split("/");
  const known = checks.get(endpoint);
  if (known === undefined || deeper.length > 0 || (name !== undefined && !known.has(name))) {
    return false;
  }
  const excluded = new Set(question.query.getAll("exclude"));
  const chosen = Array.from(known).filter(([check]) =>
    name === undefined ? !excluded.has(check) : check === name,
  );
  const verbose = question.query.has("verbose");
  runChecks(probe, chosen, (report, failed) => {
    completed(failed ? textAnswer(503, report) : textAnswer(200, verbose ? `${report}ok\n` : "ok\n"));
  });
  return true;
}

function runChecks(
  probe: ServerProbe,
  chosen: readonly (readonly [string, Check])[],
  completed: (report: string, failed: boolean) => void,
): void {
  const problems = new Map<string, string | null>();
  const done = (name: string, problem: string | null): void => {
    problems.set(name, problem);
    if (problems.size < chosen.length) {
      return;
    }
    const lines = chosen.map(([check]) => {
      const found = problems.get(check) ?? null;
      return found === null ? `[+]${check} ok\n` : `[-]${check} failed: ${found}\n`;
    });
    completed(
      lines.join(""),
      [...problems.values()].some((one) => one !== null),
    );
  };
  if (chosen.length === 0) {
    completed("", false);
  }
  for (const [name, check] of chosen) {
    check(probe, (problem) => done(name, problem));
  }
}
