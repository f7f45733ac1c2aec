/** When a removed member stops: told so by a voter at once, else after a while. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { toNodeId } from "@quorate/raft";
import type { RaftNodeEvent } from "../src/options.ts";
import { Retirement } from "../src/retirement.ts";

const voter = toNodeId(2);
const learner = toNodeId(3);

/** Member 1, which only {@link voter} releases, and those by whom it retired. */
function retiring(context: TestContext): { readonly retirement: Retirement; readonly retiredBy: number[] } {
  context.mock.timers.enable({ apis: ["setTimeout", "setImmediate"] });
  const retiredBy: number[] = [];
  const retirement = new Retirement({
    id: toNodeId(1),
    isReleasedBy: (by) => by === voter,
    isStopped: () => false,
    emit: (event) => retiredBy.push(event.type === "retired" ? event.by : -1),
    fail: (cause) => {
      throw cause;
    },
    stop: async () => {},
  });
  return { retirement, retiredBy };
}

const refusedBy = (peer: number): RaftNodeEvent => ({
  type: "refused-by",
  peer: toNodeId(peer),
  cause: "removed",
  detail: "",
});

test("a voter that refuses it as removed releases it at once", (context) => {
  const { retirement, retiredBy } = retiring(context);
  retirement.heard(refusedBy(voter));
  assert.deepEqual(retiredBy, [voter]);
});

test("nobody else's word releases it at once, but it does not go on for ever", (context) => {
  const { retirement, retiredBy } = retiring(context);
  retirement.heard(refusedBy(learner));
  context.mock.timers.tick(9_999);
  assert.deepEqual(retiredBy, []);
  context.mock.timers.tick(1);
  assert.deepEqual(retiredBy, [learner]);
});

test("it retires once: by its own log after a while, or by the voter that comes first", (context) => {
  const { retirement, retiredBy } = retiring(context);
  retirement.heard({ type: "removed", index: 7 } as RaftNodeEvent);
  context.mock.timers.tick(5_000);
  retirement.heard(refusedBy(voter));
  context.mock.timers.tick(10_000);
  assert.deepEqual(retiredBy, [voter]);
});
