/** `quorate cluster` as a process: simulated stories, and what is refused in one line. Real stories: examples/checklist. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { quorate } from "../cli/run.ts";

const folder = mkdtempSync(join(tmpdir(), "quorate-story-"));
after(() => rmSync(folder, { recursive: true }));

function story(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

/** Everything that can happen, in one story. */
const everything = story(
  "everything",
  `wait leader
write 20
pause follower
after 300ms heal
partition leader
wait leader
after 1s heal
wait leader
transfer
wait leader
add
write 30
remove leader
wait leader
kill leader
wait leader
after 200ms heal
wait leader
`,
);

test("a seed tells the same story each time, byte for byte", async () => {
  const args = [
    "cluster",
    "-n",
    "5",
    "--script",
    everything,
    "--snapshot-entries",
    "10",
    "--verbose",
    "--seed",
  ];
  const first = await quorate([...args, "7"]);
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /are you alive/);
  const again = await quorate([...args, "7"]);
  assert.equal(again.stdout, first.stdout);
  const other = await quorate([...args, "8"]);
  assert.notEqual(other.stdout, first.stdout, "another seed, another story");
});

test("members are paused, cut off, killed, added and removed, and the story goes on", async () => {
  const args = ["cluster", "-n", "5", "--seed", "7", "--snapshot-entries", "10", "--json"];
  const { code, stdout, stderr } = await quorate([...args, "--script", everything]);
  assert.deepEqual([code, stderr], [0, ""]);
  const events = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; voters?: number[] });
  const kinds = new Set(events.map(({ event }) => event));
  for (const kind of [
    "paused",
    "resumed",
    "partitioned",
    "healed",
    "transfer",
    "members",
    "removed",
    "killed",
  ]) {
    assert.ok(kinds.has(kind), kind);
  }
  assert.ok(kinds.has("snapshot-made") && kinds.has("snapshot-installed") && kinds.has("written"));
  assert.ok(
    events.some(({ voters }) => voters?.length === 6),
    "the added one votes",
  );
});

test("one leader for each term, whatever happens", async () => {
  for (const seed of ["1", "2", "3", "4", "5"]) {
    const { stdout } = await quorate([
      "cluster",
      "-n",
      "5",
      "--seed",
      seed,
      "--script",
      story("kills", kills),
      "--json",
    ]);
    const leaders = new Map<number, number>();
    for (const line of stdout.trimEnd().split("\n")) {
      const event = JSON.parse(line) as { event: string; role?: string; server: number; term: number };
      if (event.event === "role" && event.role === "leader") {
        assert.equal(
          leaders.get(event.term) ?? event.server,
          event.server,
          `seed ${seed}, term ${event.term}`,
        );
        leaders.set(event.term, event.server);
      }
    }
    assert.ok(leaders.size >= 3, `seed ${seed}: each dead leader has a successor`);
  }
});

const kills = "wait leader\nkill leader\nwait leader\nkill leader\nwait leader\nheal\nwait leader\n";

test("a step that cannot be done ends the story, with its line", async () => {
  const path = story("bad-step", "wait leader\nkill 9\n");
  const { code, stderr } = await quorate(["cluster", "--seed", "1", "--script", path]);
  assert.equal(code, 1);
  assert.equal(stderr, `quorate: ${path}, line 2: cannot kill 9: there is no Server 9\n`);
});

test("a majority that is dead elects nobody", async () => {
  const path = story("dead", "wait leader\nkill leader\nkill follower\nwait leader\n");
  const { code, stdout, stderr } = await quorate(["cluster", "-n", "3", "--seed", "1", "--script", path]);
  assert.equal(code, 1);
  assert.match(stderr, /line 3: cannot kill follower|line 4: cannot wait leader: nobody leads after 30 s/);
  assert.equal(stdout.match(/became Leader/g)?.length, 1);
});

const refused: readonly (readonly [readonly string[], number, RegExp])[] = [
  [["-n", "0"], 1, /0 servers/],
  [["-n", "three"], 2, /-n "three"/],
  [["-n", "51"], 2, /from 1 to 50/],
  [["--port", "0"], 2, /--port "0"/],
  [["--for", "soon"], 2, /--for "soon"/],
  [["--kill-leader-after", "5"], 2, /--kill-leader-after "5": needs a time/],
  [["--seed", "-1"], 2, /--seed "-1"/],
  [["--seed", "1", "--data-dir", "x"], 2, /keeps nothing on this disk/],
  [["--heartbeat", "200"], 2, /--heartbeat must be shorter/],
  [["--election-timeout-max", "200"], 2, /must be twice/],
  [["--snapshot-entries", "0"], 2, /--snapshot-entries "0"/],
  [["--script", "/does/not/exist"], 1, /cannot be read \(ENOENT\)/],
  [["--script", story("unknown", "explode\n")], 1, /line 1: unknown step "explode"/],
  [["--colour"], 2, /unknown option/],
];

for (const [args, expected, message] of refused) {
  test(`quorate cluster ${args.join(" ")}: one line and exit code ${expected}`, async () => {
    const { code, stdout, stderr } = await quorate(["cluster", ...args]);
    assert.match(stderr, message);
    assert.equal(stderr.trimEnd().split("\n").length, 1, stderr);
    assert.deepEqual([code, stdout], [expected, ""]);
  });
}

test("variables stand for flags, flags go before them", async () => {
  const environment = { QUORATE_CLUSTER_NODES: "1", QUORATE_CLUSTER_SEED: "4" };
  const one = await quorate(["cluster", "--for", "2s"], environment);
  assert.equal(one.code, 0, one.stderr);
  assert.equal(one.stdout.match(/ started on port /g)?.length, 1);
  const two = await quorate(["cluster", "-n", "2", "--for", "2s"], environment);
  assert.equal(two.stdout.match(/ started on port /g)?.length, 2);
  const bad = await quorate(["cluster"], { ...environment, QUORATE_CLUSTER_NODES: "none" });
  assert.deepEqual([bad.code, bad.stderr], [2, 'quorate: -n "none": needs a whole number from 1 to 50\n']);
});
