/**
 * Ranges of keys with what is interested in them, asked which ones contain a key: a balanced tree (AVL) by the ranges'
 * beginnings, each node knowing the furthest end below it. A question costs O(log n) and what it finds. Equal ranges share
 * a node, so that ten thousand watchers of one key are one range.
 */
import { assert, compareBytes } from "@quorate/base";

/** The end of a range: the first key behind it, or null where there is none. */
export type RangeBound = Uint8Array | null;

interface Node<T> {
  readonly begin: Uint8Array;
  readonly end: RangeBound;
  readonly items: Set<T>;
  /** The furthest end of this node and all below it. */
  furthest: RangeBound;
  height: number;
  left: Node<T> | null;
  right: Node<T> | null;
}

/** The tree; see the head of this file. */
export class IntervalTree<T> {
  #root: Node<T> | null = null;
  #itemCount = 0;
  /** Nodes that {@link visit} has looked at, ever: the measure of its cost. */
  visitedCount = 0;

  /** Items in the tree. */
  get size(): number {
    return this.#itemCount;
  }

  /** Adds an item that is not in the range yet. */
  add(begin: Uint8Array, end: RangeBound, item: T): void {
    assert(compareBound(begin, end) < 0, "interval tree: an empty range");
    this.#root = insert(this.#root, begin, end, item);
    this.#itemCount++;
  }

  /** Removes an item from the range it was added with. */
  remove(begin: Uint8Array, end: RangeBound, item: T): void {
    const node = find(this.#root, begin, end);
    const removed = node?.items.delete(item) ?? false;
    assert(node !== null && removed, "interval tree: removal of what is not there");
    this.#itemCount--;
    if (node.items.size === 0) {
      this.#root = removeNode(this.#root, begin, end);
    }
  }

  /** Calls `visit` with each item whose range contains `key`; it must not change the tree. */
  visit(key: Uint8Array, visit: (item: T) => void): void {
    this.#visit(this.#root, key, visit);
  }

  /** Stops on any inconsistency. For tests. */
  check(): void {
    assert(checkNode(this.#root) === this.#itemCount, "interval tree: miscounted");
  }

  #visit(node: Node<T> | null, key: Uint8Array, visit: (item: T) => void): void {
    if (node === null) {
      return;
    }
    this.visitedCount++;
    if (compareBound(key, node.furthest) >= 0) {
      return;
    }
    this.#visit(node.left, key, visit);
    if (compareBytes(node.begin, key) > 0) {
      return;
    }
    if (compareBound(key, node.end) < 0) {
      for (const item of node.items) {
        visit(item);
      }
    }
    this.#visit(node.right, key, visit);
  }
}

/** The order of a key and an end; no key reaches an end that is not there. */
function compareBound(key: Uint8Array, end: RangeBound): number {
  return end === null ? -1 : compareBytes(key, end);
}

function compareRange(begin: Uint8Array, end: RangeBound, node: Node<unknown>): number {
  const order = compareBytes(begin, node.begin);
  if (order !== 0 || end === node.end) {
    return order;
  }
  return end === null ? 1 : compareBound(end, node.end);
}

function further(left: RangeBound, right: RangeBound): RangeBound {
  if (left === null || right === null) {
    return null;
  }
  return compareBytes(left, right) >= 0 ? left : right;
}

function heightOf(node: Node<unknown> | null): number {
  return node === null ? 0 : node.height;
}

function update(node: Node<unknown>): void {
  node.height = 1 + Math.max(heightOf(node.left), heightOf(node.right));
  node.furthest = node.end;
  if (node.left !== null) {
    node.furthest = further(node.furthest, node.left.furthest);
  }
  if (node.right !== null) {
    node.furthest = further(node.furthest, node.right.furthest);
  }
}

function rotateRight<T>(node: Node<T>): Node<T> {
  const up = node.left;
  assert(up !== null, "interval tree: nothing to rotate up from the left");
  node.left = up.right;
  up.right = node;
  update(node);
  update(up);
  return up;
}

function rotateLeft<T>(node: Node<T>): Node<T> {
  const up = node.right;
  assert(up !== null, "interval tree: nothing to rotate up from the right");
  node.right = up.left;
  up.left = node;
  update(node);
  update(up);
  return up;
}

function balance<T>(node: Node<T>): Node<T> {
  update(node);
  const lean = heightOf(node.left) - heightOf(node.right);
  assert(Math.abs(lean) <= 2, "interval tree: out of balance by more than one change");
  if (lean === 2 && node.left !== null) {
    if (heightOf(node.left.left) < heightOf(node.left.right)) {
      node.left = rotateLeft(node.left);
    }
    return rotateRight(node);
  }
  if (lean === -2 && node.right !== null) {
    if (heightOf(node.right.right) < heightOf(node.right.left)) {
      node.right = rotateRight(node.right);
    }
    return rotateLeft(node);
  }
  return node;
}

function insert<T>(node: Node<T> | null, begin: Uint8Array, end: RangeBound, item: T): Node<T> {
  if (node === null) {
    return { begin, end, items: new Set([item]), furthest: end, height: 1, left: null, right: null };
  }
  const order = compareRange(begin, end, node);
  if (order === 0) {
    assert(!node.items.has(item), "interval tree: added twice");
    node.items.add(item);
    return node;
  }
  if (order < 0) {
    node.left = insert(node.left, begin, end, item);
  } else {
    node.right = insert(node.right, begin, end, item);
  }
  return balance(node);
}

function find<T>(root: Node<T> | null, begin: Uint8Array, end: RangeBound): Node<T> | null {
  let node = root;
  while (node !== null) {
    const order = compareRange(begin, end, node);
    if (order === 0) {
      return node;
    }
    node = order < 0 ? node.left : node.right;
  }
  return null;
}

function removeNode<T>(node: Node<T> | null, begin: Uint8Array, end: RangeBound): Node<T> | null {
  assert(node !== null, "interval tree: removed node is not there");
  const order = compareRange(begin, end, node);
  if (order < 0) {
    node.left = removeNode(node.left, begin, end);
    return balance(node);
  }
  if (order > 0) {
    node.right = removeNode(node.right, begin, end);
    return balance(node);
  }
  if (node.left === null || node.right === null) {
    return node.left ?? node.right;
  }
  let next = node.right;
  while (next.left !== null) {
    next = next.left;
  }
  const right = removeNode(node.right, next.begin, next.end);
  return balance({ ...next, left: node.left, right });
}

function checkNode(node: Node<unknown> | null): number {
  if (node === null) {
    return 0;
  }
  const count = node.items.size + checkNode(node.left) + checkNode(node.right);
  const { height, furthest } = node;
  update(node);
  assert(node.height === height && node.furthest === furthest, "interval tree: a stale node");
  assert(Math.abs(heightOf(node.left) - heightOf(node.right)) <= 1, "interval tree: out of balance");
  assert(node.items.size > 0, "interval tree: a node without items");
  return count;
}
