/** The memory that chunks of an image are read into at a start: one room where the machine copies, and of its own for each where it does not say so. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { concatBytes, toHex } from "@quorate/base";
import type { StateMachineRestore } from "@quorate/raft";
import { RecordingMachine } from "@quorate/raft/testing";
import { TestHosts } from "./cluster.ts";

/** Keeps the chunks that it is given, to see whether the next ones overwrite them. */
class KeepingMachine extends RecordingMachine {
  readonly kept: Uint8Array[] = [];
  readonly copied: Uint8Array[] = [];
  readonly #copies: boolean;

  constructor(copies: boolean) {
    super();
    this.#copies = copies;
  }

  override restore(): StateMachineRestore {
    const restore = super.restore();
    return {
      ...(this.#copies ? { copies: true } : {}),
      write: (chunk) => {
        this.kept.push(chunk);
        this.copied.push(chunk.slice());
        restore.write(chunk);
      },
      finish: () => restore.finish(),
    };
  }
}

for (const copies of [false, true]) {
  test(`a machine that ${copies ? "copies" : "does not say that it copies"} is restored from ${copies ? "one room" : "memory that nobody changes"}`, () => {
    const machine = new KeepingMachine(copies);
    const hosts = new TestHosts(1, {
      snapshots: { entryCountMax: 1000, trailingEntryCount: 2, stopLogBytesMin: 1000 },
      limits: { snapshotChunkBytes: 64 },
      stateMachine: machine,
    });
    hosts.elect(1);
    for (let i = 1; i <= 40; i++) {
      hosts.member(1).host.propose(new Uint8Array(100).fill(i), () => {});
      hosts.scheduler.runAll();
    }
    const closed: (Error | null)[] = [];
    hosts.member(1).host.stop({}, (error) => closed.push(error));
    hosts.scheduler.runAll();
    assert.deepEqual(closed, [null]);
    hosts.restart(1);
    assert.deepEqual(hosts.member(1).fatal, []);
    assert.equal(machine.commands.length, 40);
    assert.ok(machine.kept.length > 2, "more than one chunk");
    const isSame = toHex(concatBytes(machine.kept)) === toHex(concatBytes(machine.copied));
    assert.equal(isSame, !copies);
  });
}
