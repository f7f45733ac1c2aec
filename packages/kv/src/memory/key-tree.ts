/**
 * The order of the keys: a B+tree of key slots whose nodes are rows of typed arrays. A leaf is one row of slots. An inner
 * node is a row with the smallest slot below each child, and a second row with the children. Nodes are not linked to their
 * neighbours: a cursor keeps its path from the root.
 */
import { assert } from "@quorate/base";
import { KeyRows } from "./key-rows.ts";
import type { KeyTable } from "./key-table.ts";
import { Rows, rowWidth } from "./rows.ts";
import { Uint32Table } from "./tables.ts";

/** A node that falls below this is merged with a neighbour, where both then fill at most {@link mergedCountMax}. */
const mergeBelow = 16;
const mergedCountMax = 48;
const heightMax = 16;

/** The ordered index; see the head of this file. */
export class KeyTree {
  readonly #keys: KeyTable;
  readonly #rows: KeyRows;
  readonly #children: Rows = new Rows();
  /** For the row of an inner node, the row of its children among the children. */
  readonly #childRow: Uint32Table = new Uint32Table(1);
  /** Inner levels above the leaves. */
  #height = 0;
  #root: number;
  /** The path of the last descent: nodes and places, leaf first. */
  readonly #pathRow: Uint32Array = new Uint32Array(heightMax);
  readonly #pathCell: Uint32Array = new Uint32Array(heightMax);

  constructor(keys: KeyTable) {
    this.#keys = keys;
    this.#rows = new KeyRows(keys);
    this.#root = this.#takeRow();
  }

  /** Bytes allocated. */
  get bytes(): number {
    return this.#rows.bytes + this.#children.bytes + this.#childRow.bytes;
  }

  /** Nodes in use, for tests of how well they are filled. */
  get rowCount(): number {
    return this.#rows.usedCount;
  }

  /** See `StoreMemory`. */
  save(numbers: number[]): void {
    for (const part of [this.#rows, this.#children, this.#childRow]) {
      part.save(numbers);
    }
    numbers.push(this.#height, this.#root);
  }

  /** See `StoreMemory`. */
  load(next: () => number): void {
    for (const part of [this.#rows, this.#children, this.#childRow]) {
      part.load(next);
    }
    this.#height = next();
    this.#root = next();
    assert(this.#height < heightMax, "tree: loaded too high");
  }

  /** See `StoreMemory`. */
  memory(): Uint8Array[] {
    return [this.#rows, this.#children, this.#childRow].flatMap((part) => part.memory());
  }

  /** Adds a slot whose key is not in the tree. */
  insert(slot: number, key: Uint8Array): void {
    this.#descend(key);
    const leaf = this.#pathRow[0] as number;
    const cell = this.#rows.lowerBound(leaf, 0, key);
    this.#pathCell[0] = cell;
    assert(
      cell === this.#rows.count(leaf) || this.#rows.get(leaf, cell) !== slot,
      "tree: slot inserted twice",
    );
    if (this.#rows.count(leaf) < rowWidth) {
      this.#rows.insert(leaf, cell, slot);
    } else {
      this.#splitLeaf(leaf, cell, slot);
    }
    if (cell === 0) {
      this.#refreshSmallest(0);
    }
  }

  /** Takes a slot out; its key must still be readable. */
  remove(slot: number, key: Uint8Array): void {
    this.#descend(key);
    const leaf = this.#pathRow[0] as number;
    const cell = this.#rows.lowerBound(leaf, 0, key);
    assert(cell < this.#rows.count(leaf), "tree: removed key is absent");
    assert(this.#rows.get(leaf, cell) === slot, "tree: removed key has another slot");
    this.#rows.remove(leaf, cell);
    if (cell === 0 && this.#rows.count(leaf) > 0) {
      this.#refreshSmallest(0);
    }
    this.#shrink(0);
  }

  /** Puts `cursor` before the first key that is not below `key`. */
  seek(cursor: TreeCursor, key: Uint8Array): void {
    let row = this.#root;
    for (let level = this.#height; level > 0; level--) {
      const cell = this.#childCell(row, key);
      cursor.rows[level] = row;
      cursor.cells[level] = cell;
      row = this.#child(row, cell);
    }
    cursor.rows[0] = row;
    cursor.cells[0] = this.#rows.lowerBound(row, 0, key);
  }

  /** The slot behind the cursor, which moves past it; −1 at the end. No key may come or go while a cursor is used. */
  next(cursor: TreeCursor): number {
    let row = cursor.rows[0] as number;
    let cell = cursor.cells[0] as number;
    if (cell === this.#rows.count(row)) {
      if (!this.#nextLeaf(cursor)) {
        return -1;
      }
      row = cursor.rows[0] as number;
      cell = 0;
    }
    cursor.cells[0] = cell + 1;
    return this.#rows.get(row, cell);
  }

  /** Slots in order of their keys are the whole tree, each inner cell names the smallest below it. For tests. */
  check(): void {
    assert(this.#checkNode(this.#root, this.#height) === this.#keys.keyCount, "tree: keys missing");
  }

  #checkNode(row: number, level: number): number {
    const count = this.#rows.count(row);
    assert(count > 0 || row === this.#root, "tree: empty node");
    this.#rows.check(row);
    let keys = level === 0 ? count : 0;
    for (let cell = 0; cell < count; cell++) {
      const slot = this.#rows.get(row, cell);
      assert(
        cell === 0 || this.#keys.compare(this.#keys.key(slot), this.#rows.get(row, cell - 1)) > 0,
        "tree: order",
      );
      if (level > 0) {
        const child = this.#child(row, cell);
        assert(this.#rows.get(child, 0) === slot, "tree: smallest slot of a child");
        keys += this.#checkNode(child, level - 1);
      }
    }
    return keys;
  }

  #nextLeaf(cursor: TreeCursor): boolean {
    let level = 1;
    while (
      level <= this.#height &&
      (cursor.cells[level] as number) + 1 >= this.#rows.count(cursor.rows[level] as number)
    ) {
      level++;
    }
    if (level > this.#height) {
      return false;
    }
    cursor.cells[level] = (cursor.cells[level] as number) + 1;
    for (; level > 0; level--) {
      const child = this.#child(cursor.rows[level] as number, cursor.cells[level] as number);
      cursor.rows[level - 1] = child;
      cursor.cells[level - 1] = 0;
    }
    return true;
  }

  /** Records the path to the leaf where `key` belongs. */
  #descend(key: Uint8Array): void {
    let row = this.#root;
    for (let level = this.#height; level > 0; level--) {
      const cell = this.#childCell(row, key);
      this.#pathRow[level] = row;
      this.#pathCell[level] = cell;
      row = this.#child(row, cell);
    }
    this.#pathRow[0] = row;
  }

  /** The child whose smallest key is the last one not above `key`; the first child for a key below all. */
  #childCell(row: number, key: Uint8Array): number {
    return this.#rows.upperBound(row, 1, key) - 1;
  }

  #splitLeaf(leaf: number, cell: number, slot: number): void {
    assert(this.#rows.count(leaf) === rowWidth, "tree: a leaf with room is split");
    const right = this.#takeRow();
    // PERF: keys that arrive in order, as in a restore, fill each leaf to the brim.
    const kept = cell === rowWidth ? rowWidth : rowWidth / 2;
    this.#rows.moveTail(leaf, kept, right);
    if (cell < kept) {
      this.#rows.insert(leaf, cell, slot);
    } else {
      this.#rows.insert(right, cell - kept, slot);
    }
    this.#addChild(1, right);
  }

  /** Makes `child` the neighbour behind the one on the path at `level`. */
  #addChild(level: number, child: number): void {
    assert(this.#rows.count(child) > 0, "tree: an empty child is added");
    const smallest = this.#rows.get(child, 0);
    if (level > this.#height) {
      this.#growRoot(child, smallest);
      return;
    }
    const row = this.#pathRow[level] as number;
    const cell = (this.#pathCell[level] as number) + 1;
    if (this.#rows.count(row) < rowWidth) {
      this.#insertChild(row, cell, smallest, child);
      return;
    }
    assert(this.#rows.count(row) === rowWidth, "tree: a node with room is split");
    const right = this.#takeInner();
    const kept = cell === rowWidth ? rowWidth : rowWidth / 2;
    this.#rows.moveTail(row, kept, right);
    this.#children.moveTail(this.#childRow.get(row, 0), kept, this.#childRow.get(right, 0));
    if (cell < kept) {
      this.#insertChild(row, cell, smallest, child);
    } else {
      this.#insertChild(right, cell - kept, smallest, child);
    }
    this.#addChild(level + 1, right);
  }

  #growRoot(right: number, smallest: number): void {
    const left = this.#root;
    this.#root = this.#takeInner();
    this.#insertChild(this.#root, 0, this.#rows.get(left, 0), left);
    this.#insertChild(this.#root, 1, smallest, right);
    this.#height++;
    assert(this.#height < heightMax, "tree: too high");
    this.#pathRow[this.#height] = this.#root;
    this.#pathCell[this.#height] = 0;
  }

  /** Corrects the smallest slots on the path above `level`, whose first slot changed. */
  #refreshSmallest(level: number): void {
    const smallest = this.#rows.get(this.#pathRow[level] as number, 0);
    for (let above = level + 1; above <= this.#height; above++) {
      const cell = this.#pathCell[above] as number;
      this.#rows.replace(this.#pathRow[above] as number, cell, smallest);
      if (cell > 0) {
        return;
      }
    }
  }

  /** After a removal: drops or merges the node on the path at `level`, and looks at its parent in turn. */
  #shrink(level: number): void {
    const row = this.#pathRow[level] as number;
    const count = this.#rows.count(row);
    assert(level <= this.#height, "tree: above the root");
    if (level === this.#height) {
      this.#shrinkRoot();
      return;
    }
    if (count === 0) {
      this.#dropChild(level + 1, this.#pathCell[level + 1] as number);
    } else if (count < mergeBelow) {
      this.#merge(level);
    }
  }

  #merge(level: number): void {
    const parent = this.#pathRow[level + 1] as number;
    const cell = this.#pathCell[level + 1] as number;
    const left = cell > 0 ? cell - 1 : cell;
    if (left + 1 >= this.#rows.count(parent)) {
      return;
    }
    const target = this.#child(parent, left);
    const source = this.#child(parent, left + 1);
    if (this.#rows.count(target) + this.#rows.count(source) > mergedCountMax) {
      return;
    }
    assert(source !== target, "tree: a node merged with itself");
    this.#rows.moveTail(source, 0, target);
    if (level > 0) {
      this.#children.moveTail(this.#childRow.get(source, 0), 0, this.#childRow.get(target, 0));
    }
    this.#dropChild(level + 1, left + 1);
  }

  /** Removes an empty child from the node on the path at `level`. */
  #dropChild(level: number, cell: number): void {
    const row = this.#pathRow[level] as number;
    const child = this.#child(row, cell);
    assert(this.#rows.count(child) === 0, "tree: a child with keys is dropped");
    this.#giveNode(child, level - 1);
    this.#rows.remove(row, cell);
    this.#children.remove(this.#childRow.get(row, 0), cell);
    if (cell === 0 && this.#rows.count(row) > 0) {
      this.#refreshSmallest(level);
    }
    this.#shrink(level);
  }

  #shrinkRoot(): void {
    while (this.#height > 0 && this.#rows.count(this.#root) === 1) {
      const child = this.#child(this.#root, 0);
      this.#giveNode(this.#root, this.#height);
      this.#root = child;
      this.#height--;
    }
    assert(this.#height === 0 || this.#rows.count(this.#root) > 1, "tree: empty root above leaves");
  }

  #child(row: number, cell: number): number {
    return this.#children.get(this.#childRow.get(row, 0), cell);
  }

  #insertChild(row: number, cell: number, smallest: number, child: number): void {
    assert(child !== row, "tree: a node below itself");
    this.#rows.insert(row, cell, smallest);
    this.#children.insert(this.#childRow.get(row, 0), cell, child);
  }

  #takeRow(): number {
    const row = this.#rows.take();
    this.#childRow.reserve(row + 1);
    return row;
  }

  #takeInner(): number {
    const row = this.#takeRow();
    this.#childRow.set(row, 0, this.#children.take());
    return row;
  }

  #giveNode(row: number, level: number): void {
    if (level > 0) {
      this.#children.give(this.#childRow.get(row, 0));
    }
    this.#rows.give(row);
  }
}

/** A place between two keys. Any change of the tree's keys makes it meaningless. */
export class TreeCursor {
  readonly rows: Uint32Array = new Uint32Array(heightMax);
  readonly cells: Uint32Array = new Uint32Array(heightMax);
}
