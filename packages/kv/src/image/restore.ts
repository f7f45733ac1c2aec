/**
 * Builds a state from an image, block by block, beside the present one. Nothing of it is visible until the image has proven
 * whole; a damaged or cut one leaves the present state as it was.
 */
import { assert, type ByteReader, DecodeError } from "@quorate/base";
import { type AlarmList, compareAlarms } from "../alarms.ts";
import { AuthRestore } from "../auth/auth-image.ts";
import type { AuthState } from "../auth/auth-state.ts";
import { UnsupportedFormat } from "../errors.ts";
import { LeaseTable } from "../lease/lease-table.ts";
import type { MemberTable } from "../members.ts";
import { publishMember } from "../members.ts";
import { MvccStore, type RestoredVersion } from "../mvcc/store.ts";
import { readAlarm } from "../request/alarm-codec.ts";
import { readInt64, readText } from "../request/codec-parts.ts";
import { readMemberAttributes } from "../request/member-codec.ts";
import { type Revision, revisionInitial, revisionZero, toRevision } from "../revision.ts";
import type { KvAlarm } from "../types.ts";
import { versionFlag } from "./history.ts";
import {
  type Block,
  BlockParser,
  imageFormatVersion,
  imageMagic,
  type SectionName,
  section,
} from "./image-format.ts";
import { MemoryRestore } from "./memory-image.ts";
import type { ImageHead } from "./snapshot.ts";

/** A state that an image brought. */
export interface RestoredState {
  readonly head: ImageHead;
  readonly store: MvccStore;
  readonly members: MemberTable;
  readonly leases: LeaseTable;
  readonly auth: AuthState;
  readonly alarms: AlarmList;
  readonly downgradeTarget: string | null;
}

const repeatable: ReadonlySet<SectionName> = new Set(["base", "log", "leases", "auth", "memory", "arrays"]);

/** Takes an image in chunks; hands the state to `install` at the end. */
export class KvRestore {
  /** What is kept of a chunk is copied. */
  readonly copies = true;
  readonly #parser: BlockParser = new BlockParser();
  readonly #install: (state: RestoredState) => void;
  readonly #store: MvccStore;
  #members: MemberTable = new Map();
  readonly #leases: LeaseTable = new LeaseTable();
  readonly #auth: AuthRestore = new AuthRestore();
  #alarms: AlarmList = [];
  #downgradeTarget: string | null = null;
  #leaseId: bigint | null = null;
  #memory: MemoryRestore | null = null;
  #head: ImageHead | null = null;
  #section: SectionName | null = null;
  #versionCount = 0;
  #modRevision: Revision = revisionZero;
  #finished = false;

  constructor(hashSeed: number, install: (state: RestoredState) => void) {
    this.#store = new MvccStore(hashSeed);
    this.#install = install;
  }

  /**
   * Takes the next bytes of the image, cut anywhere.
   *
   * @throws DecodeError for a damaged image, UnsupportedFormat for one of a newer version.
   */
  write(chunk: Uint8Array): void {
    assert(!this.#finished, "restore: written after its end");
    this.#parser.write(chunk);
    for (let block = this.#parser.next(); block !== null; block = this.#parser.next()) {
      this.#take(block);
    }
  }

  /** @throws DecodeError when the image is not whole; the present state then stays. */
  finish(): void {
    assert(!this.#finished, "restore: finished twice");
    if (this.#section !== "end" || this.#parser.pendingBytes !== 0 || this.#head === null) {
      throw new DecodeError("image: not whole", this.#parser.pendingBytes);
    }
    const auth = this.#auth.finish();
    this.#finished = true;
    assert(this.#store.revision === this.#head.revision, "restore: revision not taken");
    this.#install({
      head: this.#head,
      store: this.#store,
      members: this.#members,
      leases: this.#leases,
      auth,
      alarms: this.#alarms,
      downgradeTarget: this.#downgradeTarget,
    });
  }

  #take(block: Block): void {
    this.#checkOrder(block.name);
    this.#section = block.name;
    switch (block.name) {
      case "head":
        this.#takeHead(block.payload);
        break;
      case "base":
      case "log":
        this.#takeVersions(block.payload, block.name);
        break;
      case "members":
        this.#takeMembers(block.payload);
        break;
      case "leases":
        this.#takeLeases(block.payload);
        break;
      case "auth":
        this.#auth.take(block.payload);
        break;
      case "alarms":
        this.#takeAlarms(block.payload);
        break;
      case "downgrade":
        this.#takeDowngrade(block.payload);
        break;
      case "memory":
      case "arrays":
        this.#takeMemory(block.payload, block.name);
        break;
      case "end":
        if (block.payload.u64() !== this.#versionCount || this.#memory?.done === false) {
          throw new DecodeError("image: versions missing", block.payload.offset);
        }
        this.#checkLeaseCount(block.payload);
        break;
    }
    block.payload.end();
  }

  /** Sections come by ascending tag; only those that may be long come in several blocks. */
  #checkOrder(name: SectionName): void {
    const before = this.#section === null ? 0 : section[this.#section].tag;
    const repeats = name === this.#section && repeatable.has(name);
    const first = this.#section !== null || name === "head";
    if (!first || !(section[name].tag > before || repeats)) {
      throw new DecodeError("image: section out of order", 0);
    }
  }

  #takeHead(payload: ByteReader): void {
    if (payload.u32() !== imageMagic) {
      throw new DecodeError("image: not an image of a key-value store", 0);
    }
    const version = payload.u16();
    if (version !== imageFormatVersion) {
      throw new UnsupportedFormat(`image format ${version}: this version knows ${imageFormatVersion}`);
    }
    const appliedIndex = payload.u64();
    const appliedTerm = payload.u64();
    const revision = payload.u64();
    const compactRevision = payload.u64() - 1;
    if (revision < revisionInitial || compactRevision > revision) {
      throw new DecodeError("image: revisions out of order", payload.offset);
    }
    this.#head = {
      appliedIndex,
      appliedTerm,
      revision: toRevision(revision),
      compactRevision: toRevision(compactRevision),
    };
    this.#store.restoreRevisions(this.#head.revision, this.#head.compactRevision);
  }

  #takeVersions(payload: ByteReader, part: "base" | "log"): void {
    while (payload.remaining > 0) {
      const version = readVersion(payload);
      this.#checkRevision(version, part, payload.offset);
      this.#store.restoreVersion(version);
      this.#versionCount++;
    }
  }

  #takeMemory(payload: ByteReader, part: "memory" | "arrays"): void {
    if (this.#versionCount > 0) {
      throw new DecodeError("image: memory behind a history", payload.offset);
    }
    this.#memory ??= new MemoryRestore(this.#store);
    if (part === "memory") {
      this.#memory.takeNumbers(payload);
    } else {
      this.#memory.takeArrays(payload);
    }
  }

  #checkRevision(version: RestoredVersion, part: "base" | "log", offset: number): void {
    const { compactRevision, revision } = this.#store;
    const mod = version.modRevision;
    const fits =
      part === "base"
        ? mod < compactRevision && !version.tombstone
        : mod >= compactRevision && mod >= this.#modRevision && mod <= revision;
    if (!fits || version.key.length === 0 || version.createRevision > mod) {
      throw new DecodeError("image: version out of order", offset);
    }
    if (part === "log") {
      this.#modRevision = mod;
    }
  }

  #takeLeases(payload: ByteReader): void {
    while (payload.remaining > 0) {
      const id = readInt64(payload);
      const ttlSeconds = payload.varint();
      const remainingSeconds = payload.varint();
      const ascends = this.#leaseId === null || this.#leaseId < id;
      if (!ascends || id === 0n || ttlSeconds === 0 || remainingSeconds > ttlSeconds) {
        throw new DecodeError("image: lease out of order", payload.offset);
      }
      this.#leases.set({ id, ttlSeconds, remainingSeconds });
      this.#leaseId = id;
    }
  }

  #takeAlarms(payload: ByteReader): void {
    const alarms: KvAlarm[] = [];
    for (let left = payload.varint(); left > 0; left--) {
      const alarm = readAlarm(payload);
      const before = alarms.at(-1);
      if (before !== undefined && compareAlarms(before, alarm) >= 0) {
        throw new DecodeError("image: alarm out of order", payload.offset);
      }
      alarms.push(alarm);
    }
    this.#alarms = alarms;
  }

  #takeDowngrade(payload: ByteReader): void {
    this.#downgradeTarget = readText(payload);
    if (this.#downgradeTarget === "") {
      throw new DecodeError("image: a downgrade to no version", payload.offset);
    }
  }

  /** The end names how many leases there are, unless there are none. */
  #checkLeaseCount(payload: ByteReader): void {
    const count = payload.remaining === 0 ? 0 : payload.u64();
    if (count !== this.#leases.count) {
      throw new DecodeError("image: leases missing", payload.offset);
    }
  }

  #takeMembers(payload: ByteReader): void {
    for (let left = payload.varint(); left > 0; left--) {
      this.#members = publishMember(this.#members, {
        type: "member-publish",
        ...readMemberAttributes(payload),
      });
    }
  }
}

function readVersion(payload: ByteReader): RestoredVersion {
  const flags = payload.u8();
  if ((flags & ~(versionFlag.tombstone | versionFlag.numbered | versionFlag.leased)) !== 0) {
    throw new UnsupportedFormat(`image version flags ${flags}: this version cannot read them`);
  }
  const tombstone = (flags & versionFlag.tombstone) !== 0;
  const numbered = (flags & versionFlag.numbered) !== 0;
  const key = payload.lengthPrefixed();
  const modRevision = toRevision(payload.varint());
  const createRevision = numbered ? toRevision(payload.varint()) : tombstone ? revisionZero : modRevision;
  const version = numbered ? payload.varint() : tombstone ? 0 : 1;
  const lease = (flags & versionFlag.leased) !== 0 ? readInt64(payload) : 0n;
  const value = tombstone ? noValue : payload.lengthPrefixed();
  return { key, modRevision, tombstone, version, createRevision, lease, value };
}

const noValue: Uint8Array = new Uint8Array(0);
