/** Blocks in chunks: nothing lost when sparse chunks are emptied, space used again, blocks larger than a chunk. */
import assert from "node:assert/strict";
import test from "node:test";
import { Prng } from "@quorate/base";
import { Arena } from "../../src/memory/arena.ts";

class Owners {
  readonly arena: Arena = new Arena();
  readonly address: Map<number, number> = new Map();
  #next = 1;

  add(payloadBytes: number): number {
    const owner = this.#next++;
    const address = this.arena.allocate(owner, payloadBytes, owner & 15);
    const start = this.arena.payloadStart(address);
    this.arena.bytesOf(address).fill(owner & 255, start, start + payloadBytes);
    this.address.set(owner, address);
    return owner;
  }

  free(owner: number): void {
    this.arena.free(this.address.get(owner) ?? -1);
    this.address.delete(owner);
  }

  evacuateAll(budget: number): void {
    const alive = (owner: number, address: number): boolean => this.address.get(owner) === address;
    while (this.arena.evacuate(budget, alive, (owner, address) => this.address.set(owner, address))) {}
  }

  check(): void {
    let bytes = 0;
    for (const [owner, address] of this.address) {
      const start = this.arena.payloadStart(address);
      const payload = this.arena.bytesOf(address).subarray(start, start + this.arena.payloadBytes(address));
      assert.ok(
        payload.every((byte) => byte === (owner & 255)),
        `block of ${owner}`,
      );
      assert.equal(this.arena.flags(address), owner & 15);
      bytes += this.arena.blockBytes(address);
    }
    assert.equal(bytes, this.arena.liveBytes);
  }
}

test("blocks survive random freeing and emptying", () => {
  const random = new Prng(17);
  const owners = new Owners();
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 400; i++) {
      owners.add(random.integer(0, 20_000));
    }
    for (const owner of [...owners.address.keys()]) {
      if (random.chance(0.4)) {
        owners.free(owner);
      }
    }
    owners.evacuateAll(random.integer(1, 200));
  }
  owners.check();
  assert.ok(owners.arena.allocatedBytes < 2 * owners.arena.liveBytes + (16 << 20));
});

test("overwriting for ever does not grow the arena", () => {
  const random = new Prng(23);
  const owners = new Owners();
  const live = Array.from({ length: 20_000 }, () => owners.add(256));
  const before = owners.arena.allocatedBytes;
  for (let i = 0; i < 300_000; i++) {
    const place = random.integer(0, live.length);
    owners.free(live[place] as number);
    live[place] = owners.add(256);
    if (i % 1_000 === 0) {
      owners.evacuateAll(500);
    }
  }
  owners.check();
  assert.ok(owners.arena.allocatedBytes <= 2 * before + (8 << 20), String(owners.arena.allocatedBytes));
});

test("a block larger than a chunk has one of its own, given back when freed", () => {
  const owners = new Owners();
  owners.add(10);
  const large = owners.add(5 << 20);
  owners.add(10);
  owners.check();
  const before = owners.arena.allocatedBytes;
  owners.free(large);
  assert.equal(owners.arena.allocatedBytes, before - (5 << 20) - 8);
  owners.check();
});
