/**
 * What members ask the leader about the group, in the form in which they ask: beside the questions about leases, with
 * kinds that those do not use.
 */
import { assert, ByteWriter } from "@quorate/base";

const formatVersion = 1;
const kindLearner = 16;
const standNumber = { failed: 0, ready: 1, behind: 2, absent: 3 } as const;

/** How far a member is with the log. `failed`: whoever was asked does not lead. */
export type LearnerStand = keyof typeof standNumber;

/** Whether the bytes are a question of this kind, and not one about leases. */
export function isLearnerQuestion(bytes: Uint8Array): boolean {
  return bytes[0] === formatVersion && bytes[1] === kindLearner;
}

const questionBytes = 10;
const idHigh = 2 ** 32;

/** Asks how far member `id` is. */
export function encodeLearnerQuestion(id: number): Uint8Array {
  assert(Number.isSafeInteger(id) && id > 0, "learner question: not a member id");
  const writer = new ByteWriter(questionBytes);
  writer.u8(formatVersion);
  writer.u8(kindLearner);
  writer.u32(id % idHigh);
  writer.u32(Math.floor(id / idHigh));
  return writer.finish();
}

/** The member asked about; null for bytes that are no such question of this version. */
export function decodeLearnerQuestion(bytes: Uint8Array): number | null {
  if (bytes.length !== questionBytes || !isLearnerQuestion(bytes)) {
    return null;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const id = view.getUint32(6, true) * idHigh + view.getUint32(2, true);
  return Number.isSafeInteger(id) && id > 0 ? id : null;
}

/** The answer's bytes. */
export function encodeLearnerStand(stand: LearnerStand): Uint8Array {
  return new Uint8Array([formatVersion, standNumber[stand]]);
}

/** The answer; `failed` for none, and for bytes that are none of this version. */
export function decodeLearnerStand(bytes: Uint8Array | null): LearnerStand {
  const known = bytes !== null && bytes.length === 2 && bytes[0] === formatVersion;
  const found = (["ready", "behind", "absent"] as const).find(
    (stand) => known && standNumber[stand] === bytes[1],
  );
  return found ?? "failed";
}

/** ETCD: a learner is in sync when it has nine tenths of the leader's log. */
export function learnerStand(
  progress: ReadonlyMap<number, number> | null,
  self: number,
  id: number,
): LearnerStand {
  const own = progress?.get(self);
  if (progress === null || own === undefined) {
    return "failed";
  }
  const match = progress.get(id);
  return match === undefined ? "absent" : match < own * 0.9 ? "behind" : "ready";
}
