/** Keys: a letter for what, the next one for which server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Keys } from "../../src/cluster-story/keys.ts";
import type { Action } from "../../src/cluster-story/script.ts";

function typed(text: string): { actions: Action[]; said: string[] } {
  const actions: Action[] = [];
  const said: string[] = [];
  new Keys({ act: (action) => void actions.push(action), say: (line) => void said.push(line) }).typed(text);
  return { actions, said };
}

test("every key", () => {
  assert.deepEqual(typed("k2p3i1t4r5hawq").actions, [
    { do: "kill", target: 2 },
    { do: "pause", target: 3 },
    { do: "partition", groups: [[1]] },
    { do: "transfer", target: 4 },
    { do: "remove", target: 5 },
    { do: "heal" },
    { do: "add" },
    { do: "write", count: 1 },
    { do: "quit" },
  ]);
  assert.deepEqual(typed("kl").actions, [{ do: "kill", target: "leader" }]);
});

test("what is no key brings help, what is no server ends the question", () => {
  assert.match(typed("?").said.join(), /k kill/);
  assert.match(typed("z").said.join(), /k kill/);
  const { actions, said } = typed("kxk1");
  assert.deepEqual(actions, [{ do: "kill", target: 1 }]);
  assert.match(said[1] ?? "", /never mind/);
});

test("Ctrl-C ends the story, also in the middle of a question", () => {
  assert.deepEqual(typed("k\u0003").actions, [{ do: "quit" }]);
  assert.deepEqual(typed("\u0004").actions, [{ do: "quit" }]);
});
