/** Where the checkout is, and the tools it pins. Scripts never rely on the folder they were started from. */
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout's top folder, without a trailing slash. */
export const root: string = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

/**
 * The environment of every process that scripts start: `node` is the pinned one, the repository's tools are found, and
 * Node resolves workspace packages to their sources, in grandchildren too.
 */
export function toolEnvironment(): NodeJS.ProcessEnv {
  const env: NodeJS.ProcessEnv = { ...process.env };
  env["PATH"] = [
    join(root, "node_modules/node/bin"),
    join(root, "node_modules/.bin"),
    process.env["PATH"] ?? "",
  ].join(delimiter);
  const options = (process.env["NODE_OPTIONS"] ?? "").split(" ").filter((option) => option !== "");
  if (!options.includes("--conditions=source")) {
    options.push("--conditions=source");
  }
  env["NODE_OPTIONS"] = options.join(" ");
  return env;
}
