/** What is done to the disk of a member behind its back: damage, another disk in its place, an older copy of it. */
import { assert, type Prng } from "@quorate/base";
import type { MemoryFileSystem } from "@quorate/wal/testing";
import { damages, type Scar, spoilBothSlots } from "./disk-damage.ts";
import type { FaultKind } from "./fault-count.ts";
import type { MemberParts } from "./member-parts.ts";
import type { MemberProcess } from "./member-process.ts";
import type { Machinery } from "./member-start.ts";

/** One per member. */
export class MemberDisk {
  readonly #parts: MemberParts;
  readonly #machinery: Machinery;
  readonly #process: MemberProcess;
  readonly #random: Prng;
  #image: { readonly files: MemoryFileSystem; readonly last: number } | null = null;

  constructor(parts: MemberParts, machinery: Machinery, process: MemberProcess) {
    this.#parts = parts;
    this.#machinery = machinery;
    this.#process = process;
    this.#random = parts.world.random.stream(`damage-${parts.id}`);
  }

  /** Damages the disk; whether there was something to damage. */
  inflict(kind: FaultKind): boolean {
    const { id, world } = this.#parts;
    const { disk, health } = this.#machinery;
    if (!this.#process.isSettled || (kind.startsWith("slot") && health.hasBadSlot)) {
      return false;
    }
    const scars: readonly Scar[] = damages[kind]?.(disk.damaged(this.#random)) ?? [];
    health.wounded(scars);
    for (const { bytes, offset, path } of scars) {
      world.log(`damage ${id} ${kind} ${path} ${offset} ${bytes.length}`);
    }
    return scars.length > 0;
  }

  /** Damages both slots and ends the process: the vote is gone. False where that is not possible now. */
  loseSlots(): boolean {
    const { disk, health } = this.#machinery;
    if (!this.#process.isSettled || health.hasBadSlot) {
      return false;
    }
    const scars = spoilBothSlots(disk.damaged(this.#random));
    health.wounded(scars);
    if (scars.length > 0) {
      this.#process.losePower();
    }
    return scars.length > 0;
  }

  /** Empties the disk, and lets the member start under its old id. False where it is on its way up or down. */
  wipe(): boolean {
    if (!this.#process.isSettled) {
      return false;
    }
    this.#replace(null, `wipe ${this.#parts.id}`, "lost");
    return true;
  }

  /** Keeps a copy of the disk of a member at work. */
  keepImage(): void {
    if (this.#process.status !== null) {
      const last = this.#parts.oracle.durableLast(this.#parts.id);
      this.#image = { files: this.#machinery.disk.image(), last };
    }
  }

  /** Sets the disk back to the copy, where that lacks what was acknowledged up to `acknowledged`. */
  setBack(acknowledged: number): boolean {
    const image = this.#image;
    if (!this.#process.isSettled || image === null || image.last >= acknowledged) {
      return false;
    }
    const what = `set back ${this.#parts.id} to ${image.last}, acknowledged ${acknowledged}`;
    this.#replace(image.files, what, "set-back");
    return true;
  }

  #replace(files: MemoryFileSystem | null, what: string, how: "lost" | "set-back"): void {
    const { id, network, oracle, world } = this.#parts;
    const { disk, health } = this.#machinery;
    world.log(what);
    this.#process.crash();
    if (how === "lost") {
      // A consent that was meant for the former disk would make the new one believe that it has been met.
      network.replaceMachine(id);
    }
    disk.replace(files);
    assert(disk.number === network.machineOf(id), "member: a machine has its own disk");
    health.broke(how);
    oracle.forgets(id);
    this.#process.start();
  }
}
