#!/usr/bin/env node
// The `quorate` command. Plain JavaScript, so that an old Node.js gets a sentence instead of a syntax error.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`quorate: needs Node.js 22.18 or newer, this is ${process.versions.node}`);
  process.exitCode = 1;
} else if (import.meta.url.includes("/node_modules/")) {
  import("../dist/main.js");
} else {
  // A checkout (`npx quorate` there) runs its sources, built or not; so do processes that are started from this one.
  process.env.NODE_OPTIONS = `${process.env.NODE_OPTIONS ?? ""} --conditions=source`.trim();
  const { registerHooks } = await import("node:module");
  registerHooks({
    resolve: (specifier, context, next) =>
      next(specifier, { ...context, conditions: [...context.conditions, "source"] }),
  });
  import("../src/main.ts");
}
