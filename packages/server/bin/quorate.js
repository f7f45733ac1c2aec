#!/usr/bin/env node
// The `quorate` command of the published package. Plain JavaScript, so that an old Node.js gets a sentence instead of
// a syntax error.
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 18)) {
  console.error(`quorate: needs Node.js 22.18 or newer, this is ${process.versions.node}`);
  process.exitCode = 1;
} else {
  import("../dist/main.js");
}
