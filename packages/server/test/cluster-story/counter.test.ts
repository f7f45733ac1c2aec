/** The state of a story passes the suite for state machines. */
import { test } from "node:test";
import { stateMachineSuite } from "@quorate/raft/testing";
import { Counter, writeCommand } from "../../src/cluster-story/counter.ts";

stateMachineSuite(test, {
  create: () => new Counter(),
  commands: Array.from({ length: 5 }, () => writeCommand),
  describe: String,
});
