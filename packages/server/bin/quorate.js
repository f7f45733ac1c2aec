#!/usr/bin/env node
// The `quorate` command. Plain JavaScript, so that an old Node.js gets a sentence instead of a syntax error.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`quorate: needs Node.js 22.18 or newer, this is ${process.versions.node}`);
  process.exitCode = 1;
} else {
  replaceServer();
  const { readFileSync, statSync } = await import("node:fs");
  const { enableCompileCache, registerHooks } = await import("node:module");
  const { fileURLToPath } = await import("node:url");
  const isInstalled = import.meta.url.includes("/node_modules/");
  // PERF: compiled code is kept for the next start, a start of a checkout takes half of the CPU and 25 MB less: beside the code, where
  // nobody may write who may not write the code. Where this process may not either, it goes without.
  const cache = isInstalled ? "../../.cache/quorate" : "../../../node_modules/.cache/quorate";
  enableCompileCache(process.env.NODE_COMPILE_CACHE ?? fileURLToPath(new URL(cache, import.meta.url)));

  /** Whether the bundle in a checkout was made of the sources as they stand. */
  const isFresh = () => {
    try {
      const inputs = JSON.parse(
        readFileSync(new URL("../dist/program/inputs.json", import.meta.url), "utf8"),
      );
      const top = fileURLToPath(new URL("../../../", import.meta.url));
      return inputs.every(([path, bytes, changedMs]) => {
        const { size, mtimeMs } = statSync(top + path);
        return size === bytes && mtimeMs === changedMs;
      });
    } catch {
      return false; // Never bundled, or a source is gone.
    }
  };

  // PERF: some eighty files instead of five hundred: half of the CPU of a start again, and 24 MB (ADR 20).
  if (isInstalled || (!process.env.QUORATE_SOURCES && isFresh())) {
    await import("../dist/program/main.js");
  } else {
    const conditions = "--conditions=source";
    if (!process.execArgv.includes(conditions)) {
      // A checkout (`npx quorate` there) runs its sources, built or not; so do processes that are started from this one.
      process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} ${conditions}`.trim();
      registerHooks({
        resolve: (specifier, context, next) =>
          next(specifier, { ...context, conditions: [...context.conditions, "source"] }),
      });
    }
    await import("../src/main.ts");
  }
}

/**
 * A server goes on as another program in this process, a node with the flags that `bin/quorate` gives it: the command of an installed
 * package has nobody else to give them. PERF: a quarter of a busy leader's CPU (ADR 4), for some 40 ms of each start.
 */
function replaceServer() {
  const { argv, env, execArgv, execPath, pid } = process;
  const isReplaced = env.QUORATE_REPLACED === String(pid);
  delete env.QUORATE_REPLACED;
  // Members of a `cluster` are given what it has, and hold a channel to it that would not outlive the change.
  const isServer = ["serve", "cluster"].includes(argv[2]) && process.send === undefined;
  const hasFlags = env.QUORATE_ARGV0 !== undefined || isReplaced;
  if (!isServer || hasFlags || process.platform === "win32" || process.execve === undefined) {
    return;
  }
  const isSized = `${execArgv} ${env.NODE_OPTIONS}`.includes("-semi-space-size");
  const asked = env.QUORATE_NODE_FLAGS ?? (isSized ? "" : "--max-semi-space-size=16");
  const flags = asked.split(" ").filter(Boolean);
  if (flags.length > 0) {
    const words = [execPath, ...execArgv, ...flags, ...argv.slice(1)];
    process.execve(execPath, words, { ...env, QUORATE_REPLACED: String(pid) });
  }
}
