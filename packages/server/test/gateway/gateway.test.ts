/** The JSON gateway and the pages beside it, answer by answer as etcd 3.7.3 gave them. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { createProcessCluster, type ProcessCluster } from "quorate/testing";
import { ask, type GatewayAnswer } from "./ask.ts";
import { gatewayRequests } from "./requests.ts";

const recorded = JSON.parse(
  readFileSync(join(import.meta.dirname, "../golden/gateway-etcd-3.7.3.json"), "utf8"),
) as GatewayAnswer[];

describe("as etcd answers", () => {
  let cluster: ProcessCluster;
  let port = 0;

  before(async () => {
    cluster = await createProcessCluster({
      memberCount: 1,
      // Which bound the least time of leases.
      heartbeatIntervalMs: 100,
      electionTimeoutMs: 1000,
    });
    cluster.startAll();
    await cluster.leader();
    port = cluster.members[0]?.clientPort ?? 0;
  });
  after(async () => {
    await cluster?.destroy();
  });

  test("there is an answer of etcd's for each request", () => {
    assert.equal(recorded.length, gatewayRequests.length);
  });

  for (const [i, asked] of gatewayRequests.entries()) {
    const shown = typeof asked.body === "string" ? asked.body.slice(0, 80) : "";
    test(`${i} ${asked.method ?? "POST"} ${asked.path} ${shown}`, async () => {
      const answer = await ask(port, asked);
      if (asked.differs === undefined) {
        assert.deepEqual(answer, recorded[i]);
      } else {
        assert.notDeepEqual(answer, recorded[i], "it does not differ any more");
      }
    });
  }
});
