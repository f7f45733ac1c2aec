/** The trace in a file: what a real cluster writes parses and reads as text; what finds no room is dropped, counted and marked. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import {
  decodeTraceEvent,
  describeTraceEvent,
  indexZero,
  noNode,
  type TraceEvent,
  termZero,
  toNodeId,
  traceVersion,
} from "@quorate/raft";
import { TraceFile } from "@quorate/raft-node";
import { createTestCluster } from "@quorate/raft-node/testing";

async function inFolder(run: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "quorate-trace-"));
  try {
    await run(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function eventsOf(path: string): TraceEvent[] {
  const text = readFileSync(path, "utf8");
  assert.ok(text.endsWith("\n"), "the last line is whole");
  return text.trimEnd().split("\n").map(decodeTraceEvent);
}

const confState = { voters: [], learners: [], votersOutgoing: [], learnersNext: [], autoLeave: false };

function event(time: number): TraceEvent {
  return {
    version: traceVersion,
    time,
    node: toNodeId(1),
    kind: "tick",
    state: {
      role: "follower",
      term: termZero,
      vote: noNode,
      leader: noNode,
      commit: indexZero,
      applied: indexZero,
      compacted: indexZero,
      last: { term: termZero, index: indexZero },
      confState,
      transferee: noNode,
      readCount: 0,
    },
  };
}

class Counter {
  value = 0;
  apply(command: { add: number }): number {
    this.value += command.add;
    return this.value;
  }
  snapshot(): number {
    return this.value;
  }
  restore(image: number): void {
    this.value = image;
  }
}

test("a cluster of three leaves one trace that parses, replays as text, and holds Figure 3's first two lines", () =>
  inFolder(async (folder) => {
    const traceFile = join(folder, "trace.ndjson");
    const cluster = await createTestCluster<{ add: number }, number, Counter>({
      stateMachine: () => new Counter(),
      settings: { traceFile },
    });
    const { node } = await cluster.leader();
    for (let i = 0; i < 20; i++) {
      await node.propose({ add: 1 });
    }
    await node.changeMembers([{ op: "update", id: 1, label: "first" }]);
    await cluster.waitForAll();
    const { committed } = node;
    await cluster.stop();

    const events = eventsOf(traceFile);
    const leaders = new Map<number, number>();
    const reached = new Map<number, number>();
    for (const { kind, node: id, state } of events) {
      if (state.role === "leader") {
        assert.equal(leaders.get(state.term) ?? id, id, "one leader in a term");
        leaders.set(state.term, id);
      }
      assert.ok(kind === "start" || state.commit >= (reached.get(id) ?? 0), "what is committed stays so");
      reached.set(id, state.commit);
    }
    assert.deepEqual([...reached.keys()].sort(), [1, 2, 3]);
    assert.ok(leaders.size >= 1);
    for (const index of reached.values()) {
      assert.ok(index >= committed, `the trace ends at ${index}, the cluster had committed ${committed}`);
    }
    for (const kind of [
      "start",
      "tick",
      "receive",
      "propose",
      "ready",
      "persisted",
      "applied",
      "apply-conf-change",
    ]) {
      assert.ok(
        events.some((each) => each.kind === kind),
        `no ${kind}`,
      );
    }
    const lines = events.map(describeTraceEvent);
    assert.ok(
      lines.some((line) => /^\d receive \d>\d append-entries t\d+ prev=.* \| follower of \d/.test(line)),
    );
    assert.ok(lines.every((line) => !line.includes("\n") && !line.includes("undefined")));
    assert.ok(
      events.every((each, i) => i === 0 || each.dropped === undefined),
      "nothing was dropped",
    );
  }));

test("what finds no room is dropped; the next event says how many, and so does the end", () =>
  inFolder(async (folder) => {
    const path = join(folder, "trace");
    const trace = new TraceFile({ path, waitingLengthMax: 1 });
    for (let time = 1; time <= 5; time++) {
      trace.sink(event(time));
    }
    assert.deepEqual(trace.counters, { written: 1, dropped: 4 });
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (existsSync(path) && readFileSync(path, "utf8").endsWith("\n")) {
          setImmediate(resolve);
        } else {
          setImmediate(look);
        }
      };
      look();
    });
    trace.sink(event(6));
    trace.sink(event(7));
    trace.sink(event(8));
    await trace.close();
    await trace.close();
    const events = eventsOf(path);
    const told = events.map(({ dropped, time }) => [time, dropped ?? 0]);
    assert.deepEqual(told[0], [1, 0]);
    // Whether the first write has come back by the time of event 6 is for the platform; nothing is lost without being told.
    assert.equal(told.at(-1)?.[0], 8);
    const missing = told.reduce((sum, [, dropped]) => sum + (dropped ?? 0), 0);
    assert.equal(events.length + missing, 8);
    assert.deepEqual(trace.counters, { written: events.length, dropped: missing });
    trace.sink(event(9));
    assert.equal(trace.counters.dropped, missing + 1, "after the end everything is dropped");
  }));

test("a process that fails writes what waits before it ends", () =>
  inFolder(async (folder) => {
    const path = join(folder, "trace");
    const trace = new TraceFile({ path });
    trace.sink(event(1));
    trace.sink(event(2));
    trace.closeNow();
    trace.closeNow();
    assert.deepEqual(
      eventsOf(path)
        .map(({ time }) => time)
        .slice(-2),
      [1, 2],
    );
  }));

test("a file that cannot be written ends the trace, not the member", {
  skip: !existsSync("/dev/full"),
}, async () => {
  const failures: Error[] = [];
  const trace = new TraceFile({ path: "/dev/full", onFailed: (error) => failures.push(error) });
  trace.sink(event(1));
  trace.sink(event(2));
  await trace.close();
  assert.deepEqual(
    failures.map((error) => "code" in error && error.code),
    ["ENOSPC"],
  );
  trace.sink(event(3));
  assert.deepEqual(trace.counters, { written: 0, dropped: 3 });
  assert.throws(() => new TraceFile({ path: "/nowhere/at/all" }), /ENOENT/);
});
