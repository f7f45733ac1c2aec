/**
 * Term and vote on disk. FIG 2 State, persistent; RAFT §3.8. Two slots, A then B, both synced before anything that depends
 * on them goes on; one bad slot is repaired from the other, two bad ones stop the member: 'no vote' is never assumed.
 */
import { assert, must, type Task } from "@quorate/base";
import { corrupt, faulty, isMissing } from "./failures.ts";
import type { FileHandle, FileSystem } from "./file-system.ts";
import { close, createFile, open, read, size, sync, syncDirectory, write } from "./files.ts";
import { damaged, type Fault } from "./format/fault.ts";
import type { StoreIdentity } from "./format/identity.ts";
import { decodeSlot, encodeSlot, type Slot, slotBytes, slotNames } from "./format/slot.ts";

/** The two slots, open. */
export class HardStateSlots {
  readonly #identity: StoreIdentity;
  readonly #files: readonly FileHandle[];
  #slot: Slot;

  constructor(identity: StoreIdentity, files: readonly FileHandle[], slot: Slot) {
    assert(files.length === slotNames.length, "slots: not two files");
    assert(slot.sequence > 0 && slot.term >= 0, "slots: opened before they were written");
    this.#identity = identity;
    this.#files = files;
    this.#slot = slot;
  }

  get term(): number {
    return this.#slot.term;
  }

  get vote(): number {
    return this.#slot.vote;
  }

  /** Writes term and vote to both slots, one after the other, durably. */
  *store(term: number, vote: number): Task<void> {
    assert(term >= this.#slot.term, "slots: term regresses");
    assert(
      term > this.#slot.term || this.#slot.vote === 0 || vote === this.#slot.vote,
      "slots: vote changed within a term", // RAFT §3.6.1: one vote in a term.
    );
    const slot = { sequence: this.#slot.sequence + 1, term, vote };
    const bytes = encodeSlot(this.#identity, slot);
    assert(bytes.length === slotBytes, "slots: of another length than is read");
    for (const file of this.#files) {
      yield* write(file, 0, bytes);
      yield* sync(file);
    }
    assert(slot.sequence === this.#slot.sequence + 1, "slots: two writes at once");
    this.#slot = slot;
  }

  *close(): Task<void> {
    for (const file of this.#files) {
      yield* close(file);
    }
  }
}

/** Makes both slots anew, without a vote; those of a new store in term 0. Their names become durable with the directory. */
export function* createSlots(fs: FileSystem, identity: StoreIdentity, term: number): Task<void> {
  assert(term >= 0, "slots: no term");
  const bytes = encodeSlot(identity, { sequence: 1, term, vote: 0 });
  for (const name of slotNames) {
    yield* createFile(fs, name, bytes);
  }
}

/** Reads one slot without changing anything. */
export function* readSlot(fs: FileSystem, name: string, identity: StoreIdentity | null): Task<Slot | Fault> {
  let file: FileHandle;
  try {
    file = yield* open(fs, name, "read");
  } catch (error) {
    if (isMissing(error)) {
      return damaged(`cannot be opened (${error.code})`, 0);
    }
    throw error;
  }
  try {
    const length = yield* size(file);
    if (length !== slotBytes) {
      return damaged(`is ${length} bytes long, not ${slotBytes}`, Math.min(length, slotBytes));
    }
    return decodeSlot(yield* read(file, 0, slotBytes), identity);
  } catch (error) {
    if (isMissing(error)) {
      return damaged(`cannot be read (${error.code})`, 0);
    }
    throw error;
  } finally {
    yield* close(file);
  }
}

/** Opens the slots, repairing a bad or older one from the other; `report` gets a line for each repair. */
export function* openSlots(
  fs: FileSystem,
  identity: StoreIdentity,
  report: (line: string) => void,
): Task<HardStateSlots> {
  const read: (Slot | Fault)[] = [];
  for (const name of slotNames) {
    read.push(yield* readSlot(fs, name, identity));
  }
  assert(read.length === slotNames.length, "slots: one was not read");
  const slot = newest(read);
  const bytes = encodeSlot(identity, slot);
  for (const [place, name] of slotNames.entries()) {
    const found = must(read[place], "slots: not read");
    if ("fault" in found) {
      report(`${name}: ${found.fault}; repaired from the other slot`);
      yield* createFile(fs, name, bytes);
    } else if (found.sequence !== slot.sequence) {
      // A crash between A and B, or before B's sync: the completion was never called, either is right, one must be chosen.
      report(`${name}: holds write ${found.sequence}, the other ${slot.sequence}; brought up to date`);
      yield* rewrite(fs, name, bytes);
    } else {
      // The process may have been killed before the sync: what is read may be in the page cache alone.
      yield* rewrite(fs, name, null);
    }
  }
  yield* syncDirectory(fs, "");
  const files: FileHandle[] = [];
  for (const name of slotNames) {
    files.push(yield* open(fs, name, "write"));
  }
  assert(files.length === read.length, "slots: one was not opened");
  return new HardStateSlots(identity, files, slot);
}

function* rewrite(fs: FileSystem, name: string, bytes: Uint8Array | null): Task<void> {
  const file = yield* open(fs, name, "write");
  if (bytes !== null) {
    yield* write(file, 0, bytes);
  }
  yield* sync(file);
  yield* close(file);
}

/** The newer of the valid slots. @throws StorageError when there is none, or when a slot is of an unknown version. */
function newest(read: readonly (Slot | Fault)[]): Slot {
  let best: Slot | null = null;
  for (const [place, found] of read.entries()) {
    if ("fault" in found) {
      if (found.version !== null) {
        throw faulty(must(slotNames[place], "slots: no name"), found);
      }
      continue;
    }
    if (
      best !== null &&
      best.sequence === found.sequence &&
      (best.term !== found.term || best.vote !== found.vote)
    ) {
      throw corrupt(slotNames[1], 0, "both slots are valid and number the same write, but differ");
    }
    if (best === null || found.sequence > best.sequence) {
      best = found;
    }
  }
  if (best === null) {
    const first = must(read[0], "slots: not read");
    const why = "fault" in first ? first.fault : "";
    throw corrupt(
      slotNames[0],
      0,
      `both hard-state slots are bad (${why}): the vote is unknown, remove and re-add this member`,
    );
  }
  return best;
}
