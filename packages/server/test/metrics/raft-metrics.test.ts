/** The metrics of the Raft node: on the page of a running server, by the names in docs/metrics.md, and true. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { utf8Encode } from "@quorate/base";
import { EtcdClient } from "../../src/client/etcd-client.ts";
import { raftMetrics, raftMetricsMarkdown } from "../../src/metrics/raft-metrics.ts";
import { createProcessCluster } from "../../src/testing/index.ts";

test("docs/metrics.md holds every name", () => {
  const path = new URL("../../../../docs/metrics.md", import.meta.url);
  const [begin, end] = ["with QUORATE_UPDATE_DOCS=1 -->\n", "\n<!-- /metrics -->"];
  const text = readFileSync(path, "utf8");
  const [head = "", rest = ""] = text.split(begin);
  const [, tail = ""] = rest.split(end);
  const now = `${head}${begin}\n${raftMetricsMarkdown()}\n${end}${tail}`;
  if (process.env["QUORATE_UPDATE_DOCS"] === "1") {
    writeFileSync(path, now);
  }
  assert.equal(readFileSync(path, "utf8"), now, "run the tests once with QUORATE_UPDATE_DOCS=1");
  assert.equal(new Set(raftMetrics.map(({ name }) => name)).size, raftMetrics.length, "each name once");
});

test("a running cluster counts writes, reads, frames and positions", async () => {
  const cluster = await createProcessCluster({ heartbeatIntervalMs: 50, electionTimeoutMs: 500 });
  try {
    cluster.startAll();
    const leader = await cluster.leader();
    const follower = cluster.members.find((member) => member !== leader);
    assert.ok(follower !== undefined);
    const client = new EtcdClient(follower.clientUrl);
    for (let i = 0; i < 5; i++) {
      await client.put(utf8Encode("k"), utf8Encode(String(i)));
    }
    await client.range({ key: utf8Encode("k") });
    client.close();

    const page = await (await fetch(`${follower.clientUrl}/metrics`)).text();
    const value = (line: string): number => {
      const found = page.split("\n").find((each) => each.startsWith(`${line} `));
      assert.ok(found !== undefined, `no ${line}`);
      return Number(found.slice(line.length + 1));
    };
    for (const { name } of raftMetrics) {
      assert.ok(page.includes(`# TYPE ${name} `), name);
    }
    assert.ok(value('quorate_raft_proposals_total{event="proposed"}') >= 5);
    assert.ok(value('quorate_raft_proposals_total{event="forwarded"}') >= 5, "a follower hands them on");
    assert.ok(value('quorate_raft_reads_total{event="asked"}') >= 1);
    assert.equal(value('quorate_raft_reads_total{event="by-lease"}'), 0);
    assert.equal(value("quorate_raft_lease_held"), 0);
    assert.ok(value("quorate_raft_term") >= 1);
    assert.ok(value("quorate_raft_leader_changes_total") >= 1);
    assert.equal(value("quorate_raft_peers_active") >= 1, true);
    const committed = value('quorate_raft_log_index{position="committed"}');
    assert.ok(committed >= 6 && value('quorate_raft_log_index{position="applied"}') <= committed);
    assert.ok(value('quorate_raft_log_index{position="last"}') >= committed);
    assert.ok(value('quorate_peer_frames_total{event="received"}') > 0);
    assert.ok(value('quorate_peer_bytes_total{direction="sent"}') > 0);
    assert.equal(value("quorate_trace_events_dropped_total"), 0);
  } finally {
    await cluster.destroy();
  }
});
