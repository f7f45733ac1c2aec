/** The start of a member: the state machine from the newest snapshot; later installations take the same way. RAFT §5.1. */
import { assert, concatBytes, type Task } from "@quorate/base";
import type { SnapshotMetadata } from "../types/snapshot.ts";
import { type Guard, guarded, pause } from "./guard.ts";
import {
  decodeMemberSection,
  type MemberNotes,
  memberSectionBytes,
  sectionHeaderBytes,
} from "./member-codec.ts";
import type { Scheduler, SnapshotSource, StateMachine, Storage } from "./ports.ts";
import { ImageCheck, imageSealBytes, roomOf } from "./snapshot-seal.ts";

/** What restoring works with. */
interface RestorePorts {
  readonly guard: Guard;
  readonly scheduler: Scheduler;
  readonly storage: Storage;
  readonly stateMachine: StateMachine;
}

/** What a snapshot brought. */
export interface Restored {
  readonly metadata: SnapshotMetadata;
  readonly notes: MemberNotes;
}

/** Replaces the state by the newest durable snapshot, which is at least `expected`; returns which it was. */
export function* restoreNewest(
  ports: RestorePorts,
  expected: SnapshotMetadata,
  chunkBytes: number,
): Task<Restored> {
  const { guard, scheduler, stateMachine, storage } = ports;
  const source = yield* guarded<SnapshotSource>(guard, (completed) => storage.openSnapshot(completed));
  try {
    assert(source.metadata.index >= expected.index, "restore: the storage lost its snapshot");
    const header = yield* readAt(guard, source, 0, sectionHeaderBytes);
    const sectionBytes = memberSectionBytes(header);
    const section = yield* readAt(guard, source, sectionHeaderBytes, sectionBytes);
    const notes = decodeMemberSection(header, section);
    const check = source.checked === true ? null : new ImageCheck();
    check?.take(header);
    check?.take(section);
    const restore = stateMachine.restore();
    // PERF: memory of its own for each chunk sets off whole collections of garbage, a third of the time of a restore.
    const room = restore.copies === true ? roomOf(chunkBytes) : undefined;
    const end = source.bytes - imageSealBytes;
    for (let offset = sectionHeaderBytes + sectionBytes; offset < end; ) {
      const length = Math.min(chunkBytes, end - offset);
      const at = offset;
      const chunk = yield* guarded<Uint8Array>(guard, (completed) =>
        source.read(at, length, completed, room),
      );
      assert(chunk.length > 0, "restore: the image ends early");
      check?.take(chunk);
      restore.write(chunk);
      offset += chunk.length;
      yield* pause(guard, scheduler);
    }
    if (check !== null) {
      check.take(yield* readAt(guard, source, Math.max(end, 0), imageSealBytes));
      const fault = check.fault();
      assert(fault === null, () => `restore: ${fault}`);
    }
    restore.finish();
    return { metadata: source.metadata, notes };
  } finally {
    source.close();
  }
}

/** All of `length` bytes, however the source slices them. */
function* readAt(guard: Guard, source: SnapshotSource, offset: number, length: number): Task<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for (let missing = length; missing > 0; ) {
    const at = offset + length - missing;
    const wanted = missing;
    const chunk = yield* guarded<Uint8Array>(guard, (completed) => source.read(at, wanted, completed));
    assert(chunk.length > 0 && chunk.length <= missing, "restore: the image ends within its members");
    chunks.push(chunk);
    missing -= chunk.length;
  }
  return concatBytes(chunks);
}
