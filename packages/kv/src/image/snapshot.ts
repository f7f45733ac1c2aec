/**
 * An image of the whole state machine, pinned at one applied index and read in slices while commands go on: the history by
 * its pinned revisions, small tables by holding on to the table of the moment, which writers replace and never change.
 */
import { assert, ByteWriter, must } from "@quorate/base";
import type { AlarmList } from "../alarms.ts";
import { AuthImage } from "../auth/auth-image.ts";
import { type AuthState, isInitial } from "../auth/auth-state.ts";
import type { KvLease, PinnedLeases } from "../lease/lease-table.ts";
import type { MemberTable } from "../members.ts";
import { writeAlarm } from "../request/alarm-codec.ts";
import { int64, writeText } from "../request/codec-parts.ts";
import { writeMemberAttributes } from "../request/member-codec.ts";
import type { Revision } from "../revision.ts";
import type { HistoryReader } from "./history.ts";
import { beginBlock, endBlock, imageFormatVersion, imageMagic } from "./image-format.ts";
import { MemoryReader } from "./memory-image.ts";

/** What an image says about itself first. */
export interface ImageHead {
  readonly appliedIndex: number;
  readonly appliedTerm: number;
  readonly revision: Revision;
  readonly compactRevision: Revision;
}

/** Versions looked at per slice at most, so that a slice of a store with many deleted keys stays short too. */
const sliceRecordsMax = 4096;

type Stage =
  | "head"
  | "history"
  | "members"
  | "leases"
  | "auth"
  | "alarms"
  | "downgrade"
  | "memory"
  | "end"
  | "done";

/** Small tables, as they were when the image was begun. */
interface PinnedTables {
  readonly members: MemberTable;
  readonly leases: PinnedLeases;
  readonly auth: AuthState;
  readonly alarms: AlarmList;
  readonly downgradeTarget: string | null;
}

/** Reads an image; {@link KvImage.close} lets go of the pin. */
export class KvImage {
  readonly #head: ImageHead;
  /** How the store is read: by its history, which later commands do not change, or as it lies in memory. */
  readonly #store: HistoryReader | MemoryReader;
  readonly #members: MemberTable;
  readonly #leases: PinnedLeases;
  readonly #alarms: AlarmList;
  readonly #downgradeTarget: string | null;
  /** Null where there is nothing to say about access control. */
  readonly #auth: AuthImage | null;
  #leaseRow = 0;
  #leaseAt = 0;
  #leaseCount = 0;
  readonly #release: () => void;
  readonly #writer: ByteWriter = new ByteWriter(1 << 12);
  /** Where the block that is being read may lie. */
  #room: Uint8Array | null = null;
  #stage: Stage = "head";
  #versionCount = 0;
  #closed = false;

  constructor(
    head: ImageHead,
    store: HistoryReader | MemoryReader,
    tables: PinnedTables,
    release: () => void,
  ) {
    this.#head = head;
    this.#store = store;
    this.#members = tables.members;
    this.#leases = tables.leases;
    this.#alarms = tables.alarms;
    this.#downgradeTarget = tables.downgradeTarget;
    this.#auth = isInitial(tables.auth) ? null : new AuthImage(tables.auth);
    this.#release = release;
  }

  /** The next chunk of about `bytesMax` bytes, one whole block, or null at the end; in `room`, where one is given that it fits into. */
  read(bytesMax: number, room?: Uint8Array): Uint8Array | null {
    assert(!this.#closed, "image: read after close");
    this.#room = room ?? null;
    switch (this.#stage) {
      case "head":
        this.#stage = this.#store instanceof MemoryReader ? "members" : "history";
        return this.#headBlock();
      case "history":
        return this.#historyBlock(bytesMax);
      case "memory":
        return this.#memoryBlock(bytesMax);
      case "members":
        this.#stage = this.#leases.length === 0 ? this.#stageAfterLeases() : "leases";
        return this.#membersBlock();
      case "leases":
        return this.#leasesBlock(bytesMax);
      case "auth":
        return this.#authBlock(bytesMax);
      case "alarms":
        this.#stage = this.#stageAfterAlarms();
        return this.#alarmsBlock();
      case "downgrade":
        this.#stage = this.#stageAfterDowngrade();
        return this.#downgradeBlock();
      case "end":
        this.#stage = "done";
        return this.#endBlock();
      case "done":
        return null;
    }
  }

  /** Lets go of the pin, so that sweeping goes on; also before the end, and more than once. */
  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#release();
    }
  }

  #headBlock(): Uint8Array {
    const writer = this.#writer;
    beginBlock(writer, "head");
    writer.u32(imageMagic);
    writer.u16(imageFormatVersion);
    writer.u64(this.#head.appliedIndex);
    writer.u64(this.#head.appliedTerm);
    writer.u64(this.#head.revision);
    // Up by 1: a store that was never compacted has −1.
    writer.u64(this.#head.compactRevision + 1);
    return endBlock(writer, this.#room);
  }

  #historyBlock(bytesMax: number): Uint8Array {
    const history = this.#store;
    assert(!(history instanceof MemoryReader), "image: memory is no history");
    const { part } = history;
    assert(part !== "end", "image: history is at its end");
    beginBlock(this.#writer, part);
    assert(bytesMax > 0, "image: no room for a chunk");
    this.#versionCount += history.read(this.#writer, bytesMax, sliceRecordsMax);
    if (history.part === "end") {
      this.#stage = "members";
    }
    return endBlock(this.#writer, this.#room);
  }

  #membersBlock(): Uint8Array {
    beginBlock(this.#writer, "members");
    this.#writer.varint(this.#members.size);
    for (const member of this.#members.values()) {
      writeMemberAttributes(this.#writer, member);
    }
    return endBlock(this.#writer, this.#room);
  }

  /** Cut by bytes alone: where rows end differs from member to member, and images must not. */
  #leasesBlock(bytesMax: number): Uint8Array {
    const writer = this.#writer;
    beginBlock(writer, "leases");
    const until = writer.length + bytesMax;
    while (this.#leaseRow < this.#leases.length && writer.length < until) {
      const row = this.#leases[this.#leaseRow] as readonly KvLease[];
      for (; this.#leaseAt < row.length && writer.length < until; this.#leaseAt++) {
        const { id, ttlSeconds, remainingSeconds } = row[this.#leaseAt] as KvLease;
        int64(writer, id);
        writer.varint(ttlSeconds);
        writer.varint(remainingSeconds);
        this.#leaseCount++;
      }
      if (this.#leaseAt === row.length) {
        this.#leaseRow++;
        this.#leaseAt = 0;
      }
    }
    assert(this.#leaseCount > 0, "image: a block without leases");
    if (this.#leaseRow === this.#leases.length) {
      this.#stage = this.#stageAfterLeases();
    }
    return endBlock(writer, this.#room);
  }

  #stageAfterLeases(): Stage {
    return this.#auth === null ? this.#stageAfterAuth() : "auth";
  }

  #authBlock(bytesMax: number): Uint8Array {
    const auth = must(this.#auth, "image: access control that was never touched");
    beginBlock(this.#writer, "auth");
    auth.write(this.#writer, bytesMax);
    if (auth.done) {
      this.#stage = this.#stageAfterAuth();
    }
    return endBlock(this.#writer, this.#room);
  }

  #stageAfterAuth(): Stage {
    return this.#alarms.length === 0 ? this.#stageAfterAlarms() : "alarms";
  }

  #stageAfterAlarms(): Stage {
    return this.#downgradeTarget === null ? this.#stageAfterDowngrade() : "downgrade";
  }

  #stageAfterDowngrade(): Stage {
    return this.#store instanceof MemoryReader ? "memory" : "end";
  }

  #memoryBlock(bytesMax: number): Uint8Array {
    const memory = this.#store;
    assert(memory instanceof MemoryReader, "image: a history is no memory");
    const { part } = memory;
    assert(part !== "end", "image: memory is at its end");
    beginBlock(this.#writer, part);
    memory.read(this.#writer, bytesMax);
    if (memory.part === "end") {
      this.#stage = "end";
    }
    return endBlock(this.#writer, this.#room);
  }

  #alarmsBlock(): Uint8Array {
    assert(this.#alarms.length > 0, "image: a block without alarms");
    beginBlock(this.#writer, "alarms");
    this.#writer.varint(this.#alarms.length);
    for (const alarm of this.#alarms) {
      writeAlarm(this.#writer, alarm);
    }
    return endBlock(this.#writer, this.#room);
  }

  #downgradeBlock(): Uint8Array {
    beginBlock(this.#writer, "downgrade");
    writeText(this.#writer, must(this.#downgradeTarget, "image: a downgrade to no version"));
    return endBlock(this.#writer, this.#room);
  }

  #endBlock(): Uint8Array {
    assert(this.#store.part === "end", "image: ends before its history");
    beginBlock(this.#writer, "end");
    this.#writer.u64(this.#versionCount);
    // Images made before there were leases end here.
    if (this.#leaseCount > 0) {
      this.#writer.u64(this.#leaseCount);
    }
    return endBlock(this.#writer, this.#room);
  }
}
