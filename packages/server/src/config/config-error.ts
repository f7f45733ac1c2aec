/** What is wrong with a configuration: all of it at once, because fixing one line per start wastes an operator's day. */

/** One wrong flag, key or variable. */
export interface ConfigProblem {
  /** What the operator wrote or must write: `--name`, `ETCD_NAME`, `name in etcd.yaml`. */
  readonly where: string;
  readonly problem: string;
}

/** The list of all problems; each is one line. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly problems: readonly ConfigProblem[];

  constructor(problems: readonly ConfigProblem[]) {
    super(problems.map(({ where, problem }) => `${where}: ${problem}`).join("\n"));
    this.problems = problems;
  }
}
