/** Graphs of links for partitions that are no clean split: everybody reaches somebody, and nobody reaches all. */
import type { Prng } from "@quorate/base";
import type { NodeId } from "@quorate/raft";
import type { DirectedLink } from "./network.ts";

/** The links of a graph that `stays` does not keep. */
function cutLinks(nodes: readonly NodeId[], stays: (from: number, to: number) => boolean): DirectedLink[] {
  const links: DirectedLink[] = [];
  for (const [i, from] of nodes.entries()) {
    for (const [j, to] of nodes.entries()) {
      if (i !== j && !stays(i, j)) {
        links.push({ from, to });
      }
    }
  }
  return links;
}

/** Each member reaches its two neighbours in the order of `nodes` and nobody else. */
export function ring(nodes: readonly NodeId[]): DirectedLink[] {
  const count = nodes.length;
  return cutLinks(nodes, (i, j) => (i + 1) % count === j || (j + 1) % count === i);
}

/** Two halves that only one member, the first of `nodes`, reaches both of. */
export function bridge(nodes: readonly NodeId[]): DirectedLink[] {
  const isLeft = (place: number): boolean => place < nodes.length / 2;
  return cutLinks(nodes, (i, j) => i === 0 || j === 0 || isLeft(i) === isLeft(j));
}

/** Each directed link by chance. */
export function anyGraph(nodes: readonly NodeId[], random: Prng): DirectedLink[] {
  const lostShare = 0.15 + random.fraction() * 0.5;
  return cutLinks(nodes, () => !random.chance(lostShare));
}

/** The members in any order. */
export function shuffled(nodes: readonly NodeId[], random: Prng): readonly NodeId[] {
  const drawn = nodes.map((node) => ({ node, place: random.fraction() }));
  return drawn.sort((left, right) => left.place - right.place).map(({ node }) => node);
}
