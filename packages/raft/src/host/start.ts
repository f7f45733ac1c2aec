/** The start of a member: the state machine from the newest snapshot; later installations take the same way. RAFT §5.1. */
import { assert, type Task } from "@quorate/base";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { type Guard, guarded, pause } from "./guard.ts";
import type { Scheduler, SnapshotSource, StateMachine, Storage } from "./ports.ts";

/** What restoring works with. */
interface RestorePorts {
  readonly guard: Guard;
  readonly scheduler: Scheduler;
  readonly storage: Storage;
  readonly stateMachine: StateMachine;
}

/** Replaces the state by the newest durable snapshot, which is at least `expected`; returns which it was. */
export function* restoreNewest(
  ports: RestorePorts,
  expected: SnapshotMetadata,
  chunkBytes: number,
): Task<SnapshotMetadata> {
  const { guard, scheduler, stateMachine, storage } = ports;
  const source = yield* guarded<SnapshotSource>(guard, (completed) => storage.openSnapshot(completed));
  try {
    assert(source.metadata.index >= expected.index, "restore: the storage lost its snapshot");
    const restore = stateMachine.restore();
    for (let offset = 0; offset < source.bytes; ) {
      const length = Math.min(chunkBytes, source.bytes - offset);
      const at = offset;
      const chunk = yield* guarded<Uint8Array>(guard, (completed) => source.read(at, length, completed));
      assert(chunk.length > 0, "restore: the image ends early");
      restore.write(chunk);
      offset += chunk.length;
      yield* pause(guard, scheduler);
    }
    restore.finish();
    return source.metadata;
  } finally {
    source.close();
  }
}
