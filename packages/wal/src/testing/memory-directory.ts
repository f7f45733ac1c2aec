/** One directory of the {@link MemoryFileSystem}: durable entries, and changes that a crash keeps or loses one by one. */
import type { Prng } from "@quorate/base";
import type { CrashMode, MemoryFile } from "./memory-file.ts";

/** What a name stands for. */
export type MemoryNode = MemoryFile | MemoryDirectory;

/** A change of names. A rename within a directory is one change: file systems keep it whole. */
interface NameChange {
  readonly remove: string | null;
  readonly add: { readonly name: string; readonly node: MemoryNode } | null;
}

/** Names, as seen and as they would be after a loss of power. */
export class MemoryDirectory {
  #names: Map<string, MemoryNode> = new Map();
  #durable: Map<string, MemoryNode> = new Map();
  #pending: NameChange[] = [];

  get(name: string): MemoryNode | undefined {
    return this.#names.get(name);
  }

  /** Names in order. */
  entries(): [string, MemoryNode][] {
    return [...this.#names].sort(([left], [right]) => (left < right ? -1 : 1));
  }

  add(name: string, node: MemoryNode): void {
    this.#change({ remove: null, add: { name, node } });
  }

  remove(name: string): void {
    this.#change({ remove: name, add: null });
  }

  rename(from: string, to: string, node: MemoryNode): void {
    this.#change({ remove: from, add: { name: to, node } });
  }

  /** What is durable becomes what is seen, change by change: a directory has many names, and few that change. */
  sync(): void {
    for (const change of this.#pending) {
      applyChange(this.#durable, change);
    }
    this.#pending = [];
  }

  /** What a loss of power leaves; `survivor` says what becomes of each file and directory. */
  crash(random: Prng, mode: CrashMode, survivor: (node: MemoryNode) => MemoryNode): MemoryDirectory {
    const left = new Map(this.#durable);
    for (const change of this.#pending) {
      if (mode === "random" && random.chance(0.5)) {
        applyChange(left, change);
      }
    }
    const directory = new MemoryDirectory();
    for (const [name, node] of left) {
      directory.#names.set(name, survivor(node));
    }
    directory.#durable = new Map(directory.#names);
    return directory;
  }

  /** A copy with copies of everything below; `copyOf` makes one copy per node. */
  clone(copyOf: (node: MemoryNode) => MemoryNode): MemoryDirectory {
    const copyAll = (names: Map<string, MemoryNode>): Map<string, MemoryNode> =>
      new Map([...names].map(([name, node]) => [name, copyOf(node)]));
    const copy = new MemoryDirectory();
    copy.#names = copyAll(this.#names);
    copy.#durable = copyAll(this.#durable);
    copy.#pending = this.#pending.map(({ remove, add }) => {
      return { remove, add: add === null ? null : { name: add.name, node: copyOf(add.node) } };
    });
    return copy;
  }

  #change(change: NameChange): void {
    applyChange(this.#names, change);
    this.#pending.push(change);
  }
}

function applyChange(names: Map<string, MemoryNode>, change: NameChange): void {
  if (change.remove !== null) {
    names.delete(change.remove);
  }
  if (change.add !== null) {
    names.set(change.add.name, change.add.node);
  }
}
