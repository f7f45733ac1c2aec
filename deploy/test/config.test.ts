/** Variables of an instance: what they mean, and every mistake named. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { peerAddress, readConfig } from "../config.ts";

/** The environment of each service of a compose file. */
function services(file: string): Readonly<Record<string, string>>[] {
  const text = readFileSync(join(import.meta.dirname, "..", file), "utf8");
  return [...text.matchAll(/environment:\n((?: {6}[A-Z_]+: ".*"\n)+)/g)].map(([, block = ""]) =>
    Object.fromEntries([...block.matchAll(/([A-Z_]+): "(.*)"/g)].map(([, name, value]) => [name, value])),
  );
}

test("the variables of the first instance", () => {
  const config = readConfig([], { ID: "1", PEER_IDS: "2,3", PORT: "8001", RPC_CLIENTS_PORTS: "8002,8003" });
  assert.deepEqual(peerAddress(config, 1), { host: "raft1", port: 9001 });
  assert.deepEqual(peerAddress(config, 3), { host: "raft3", port: 9003 });
  assert.equal(config.join, false);
});

test("flags go before variables", () => {
  const config = readConfig(["--id", "2", "--peer-ids=1"], {
    ID: "1",
    PEER_IDS: "2,3",
    RPC_CLIENTS_PORTS: "8003",
  });
  assert.deepEqual([config.id, config.peers.map(({ id }) => id)], [2, [1]]);
});

test("S4 mistake: compose peers that reach only themselves", () => {
  const all = [...services("compose.yaml"), ...services("compose.instance4.yaml")].map((environment) =>
    readConfig([], environment),
  );
  assert.equal(all.length, 4);
  for (const config of all) {
    const others = all.filter(({ id }) => id < 4 && id !== config.id);
    for (const { id } of config.peers) {
      const peer = all.find((other) => other.id === id);
      assert.ok(peer !== undefined && peer.id !== config.id);
      assert.deepEqual(
        peerAddress(config, id),
        peerAddress(peer, id),
        `${config.id} finds ${id} where it listens`,
      );
    }
    assert.deepEqual(
      config.peers.map(({ id }) => id),
      others.map(({ id }) => id),
    );
  }
  const places = all.map((config) => JSON.stringify(peerAddress(config, config.id)));
  assert.equal(new Set(places).size, 4, "each at a place of its own");
  const self = { ID: "1", PEER_IDS: "2", PORT: "8001", RPC_CLIENTS_PORTS: "8001", HOST_PATTERN: "localhost" };
  assert.throws(() => readConfig([], self), /peers would reach only themselves/);
});

const mistakes: readonly (readonly [Readonly<Record<string, string>>, RegExp])[] = [
  [{}, /ID "" is not a number/],
  [{ ID: "0" }, /ID "0"/],
  [{ ID: "1", PORT: "70000" }, /PORT "70000"/],
  [{ ID: "1", PEER_IDS: "2,3", RPC_CLIENTS_PORTS: "8002" }, /names 2 peers, RPC_CLIENTS_PORTS 1 ports/],
  [{ ID: "1", PEER_IDS: "1", RPC_CLIENTS_PORTS: "8002" }, /twice, or this one/],
  [{ ID: "1", PEER_IDS: "x", RPC_CLIENTS_PORTS: "8002" }, /PEER_IDS "x"/],
  [{ ID: "1", JOIN: "perhaps" }, /JOIN "perhaps"/],
  [{ ID: "1", JOIN: "true" }, /JOIN needs PEER_IDS/],
];

for (const [environment, message] of mistakes) {
  test(`${JSON.stringify(environment)} is refused`, () => {
    assert.throws(() => readConfig([], environment), message);
  });
}
