/** All rules in one list, and the exceptions taken from what they find. */
import { checkCitations, checkDocComments, checkLinks } from "./documentation.ts";
import { checkUnusedExports } from "./exports.ts";
import { checkHabits } from "./habits.ts";
import { checkImports } from "./imports.ts";
import { type Exception, exceptions } from "./policy.ts";
import { checkPurity, checkSynchrony } from "./purity.ts";
import { checkFunctionSizes } from "./sizes.ts";
import type { Finding, Workspace } from "./workspace.ts";

const checks: readonly ((workspace: Workspace) => Finding[])[] = [
  checkPurity,
  checkSynchrony,
  checkHabits,
  checkDocComments,
  checkCitations,
  checkLinks,
  checkUnusedExports,
  checkImports,
  checkFunctionSizes,
];

/** Everything in the workspace that breaks a promise, by path and line. */
export function findAll(workspace: Workspace, allowed: readonly Exception[] = exceptions): Finding[] {
  const found = checks.flatMap((check) => check(workspace));
  const covers = (exception: Exception, finding: Finding): boolean =>
    exception.rule === finding.rule &&
    (exception.path.endsWith("/")
      ? finding.path.startsWith(exception.path)
      : finding.path === exception.path);
  const stale = allowed
    .filter((exception) => !found.some((finding) => covers(exception, finding)))
    .map(({ rule, path }) => ({
      path: "scripts/tidy/policy.ts",
      line: 1,
      rule: "stale-exception",
      message: `nothing breaks ${rule} in ${path} any more: remove the exception`,
    }));
  return [
    ...found.filter((finding) => !allowed.some((exception) => covers(exception, finding))),
    ...stale,
  ].sort((left, right) =>
    left.path === right.path ? left.line - right.line : left.path < right.path ? -1 : 1,
  );
}
