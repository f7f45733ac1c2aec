/** Scripts: every step, times, and mistakes named by line. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDuration, parseScript } from "../../src/cluster-story/script.ts";

test("every step", () => {
  const text = `# a comment
wait leader
at 2s kill leader     # and another
after 500ms heal
pause 3
resume 3
restart follower
partition 1,2 | 3 4
transfer
transfer to 2
add
remove 4
write
write 10
wait 1.5s
quit
`;
  const steps = parseScript(text, "a.story");
  assert.deepEqual(
    steps.map(({ action }) => action),
    [
      { do: "wait-leader" },
      { do: "kill", target: "leader" },
      { do: "heal" },
      { do: "pause", target: 3 },
      { do: "resume", target: 3 },
      { do: "restart", target: "follower" },
      {
        do: "partition",
        groups: [
          [1, 2],
          [3, 4],
        ],
      },
      { do: "transfer", target: null },
      { do: "transfer", target: 2 },
      { do: "add" },
      { do: "remove", target: 4 },
      { do: "write", count: 1 },
      { do: "write", count: 10 },
      { do: "wait", ms: 1500 },
      { do: "quit" },
    ],
  );
  assert.deepEqual(
    steps.slice(0, 3).map(({ line, atMs, afterMs }) => [line, atMs, afterMs]),
    [
      [2, 0, 0],
      [3, 2000, 0],
      [4, 0, 500],
    ],
  );
});

const mistakes: readonly (readonly [string, RegExp])[] = [
  ["explode 1", /unknown step "explode"/],
  ["kill", /kill needs a server/],
  ["kill 0", /kill needs a server/],
  ["kill everybody", /kill needs a server/],
  ["partition", /partition needs servers/],
  ["partition 1 | x", /partition needs servers/],
  ["transfer nobody", /transfer needs a server/],
  ["write 0", /write needs a number/],
  ["write many", /write needs a number/],
  ["wait", /wait needs leader/],
  ["wait long", /wait needs leader/],
  ["heal 2", /heal stands alone/],
  ["at noon kill 1", /"noon" is not a time/],
];

for (const [text, message] of mistakes) {
  test(`"${text}" is refused, with its line`, () => {
    assert.throws(() => parseScript(`wait leader\n\n${text}\n`, "a.story"), {
      message: new RegExp(`^a\\.story, line 3: .*${message.source}`),
    });
  });
}

test("times", () => {
  assert.equal(parseDuration("250ms"), 250);
  assert.equal(parseDuration("1.5s"), 1500);
  assert.equal(parseDuration("2m"), 120_000);
  for (const text of ["", "5", "s", "-1s", "1h", "1e3s"]) {
    assert.equal(parseDuration(text), null, text);
  }
});
