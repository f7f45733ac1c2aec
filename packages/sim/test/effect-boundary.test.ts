import assert from "node:assert/strict";
import { test } from "node:test";
import { EffectBoundary } from "../src/effect-boundary.ts";
import { FaultCount } from "../src/fault-count.ts";
import { ProcessEnded } from "../src/incarnation.ts";

test("the process ends at the effect that was chosen, on the side that was chosen, and is counted", () => {
  const faults = new FaultCount();
  const done: string[] = [];
  const boundary = new EffectBoundary(faults, () => done.push("crash"));
  const act = (effect: "send" | "apply"): void => boundary.pass(effect, () => void done.push(effect));
  boundary.arm("send", 2, "before");
  act("send");
  act("apply");
  assert.throws(() => act("send"), ProcessEnded);
  assert.deepEqual(done, ["send", "apply", "crash"]);
  act("send");
  boundary.arm("apply", 1, "after");
  assert.throws(() => act("apply"), ProcessEnded);
  assert.deepEqual(done.slice(3), ["send", "apply", "crash"]);
  boundary.arm("apply", 1, "after");
  boundary.disarm();
  act("apply");
  assert.equal(faults.get("crash-before-send"), 1);
  assert.equal(faults.get("crash-after-apply"), 1);
});
