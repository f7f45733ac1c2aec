/**
 * A flame graph as SVG out of what `node --cpu-prof` wrote: below what calls, above what is called, the width is the share of the
 * time. Names and figures show on hover.
 *
 *     node bench/flame-graph.ts PROFILE.cpuprofile > flame.svg
 */
import { readFileSync } from "node:fs";
import { escaped } from "./chart.ts";

/** The parts of a profile that are needed. Times are in microseconds. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  /** By the machine's monotonic clock. */
  readonly startTime: number;
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

/** What was sampled between two times of the machine's monotonic clock, in microseconds. */
export function between(profile: CpuProfile, fromUs: number, toUs: number): CpuProfile {
  let atUs = profile.startTime;
  const within = profile.timeDeltas.map((delta) => {
    atUs += delta;
    return atUs >= fromUs && atUs <= toUs;
  });
  return {
    ...profile,
    samples: profile.samples.filter((_, i) => within[i]),
    timeDeltas: profile.timeDeltas.filter((_, i) => within[i]),
  };
}

/** One function in the place it was called from. */
interface Frame {
  readonly name: string;
  readonly place: string;
  selfUs: number;
  totalUs: number;
  readonly callees: Map<string, Frame>;
}

/** Time in one function, wherever it was called from. */
export interface SelfTime {
  readonly name: string;
  readonly place: string;
  /** Of all samples in which the thread worked. */
  readonly share: number;
}

const width = 1200;
const rowHeight = 17;
const depthMax = 60;
/** Narrower than that is not drawn. */
const pixelsMin = 0.6;
const pixelsPerLetter = 6.3;

/** All samples as a tree; equal callees of one caller are one frame. */
function treeOf(profile: CpuProfile): Frame {
  const selfUs = new Map<number, number>();
  for (const [i, sample] of profile.samples.entries()) {
    selfUs.set(sample, (selfUs.get(sample) ?? 0) + (profile.timeDeltas[i] ?? 0));
  }
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const root: Frame = { name: "all", place: "", selfUs: 0, totalUs: 0, callees: new Map() };
  const add = (into: Frame, id: number): void => {
    const node = nodes.get(id);
    if (node === undefined || node.callFrame.functionName === "(idle)") {
      return; // Waiting is not work.
    }
    const { functionName, lineNumber, url } = node.callFrame;
    const name = functionName === "" ? "(anonymous)" : functionName;
    const place = placeOf(url, lineNumber);
    const key = `${name} ${place}`;
    let frame = into.callees.get(key);
    if (frame === undefined) {
      frame = { name, place, selfUs: 0, totalUs: 0, callees: new Map() };
      into.callees.set(key, frame);
    }
    frame.selfUs += selfUs.get(id) ?? 0;
    for (const child of node.children ?? []) {
      add(frame, child);
    }
  };
  for (const child of profile.nodes[0]?.children ?? []) {
    add(root, child);
  }
  sum(root);
  return root;
}

function sum(frame: Frame): number {
  frame.totalUs = frame.selfUs;
  for (const callee of frame.callees.values()) {
    frame.totalUs += sum(callee);
  }
  return frame.totalUs;
}

/** `kv/src/store/store.ts:12`: from the package on. */
function placeOf(url: string, lineNumber: number): string {
  const path = url.replace(/^.*\/packages\//, "").replace(/^node:/, "node:");
  return path === "" ? "" : `${path}:${lineNumber + 1}`;
}

/** The functions in which most time is spent. */
export function selfTimes(profile: CpuProfile, count: number): SelfTime[] {
  const times = new Map<string, { name: string; place: string; us: number }>();
  let allUs = 0;
  const walk = (frame: Frame): void => {
    if (frame.selfUs > 0) {
      const key = `${frame.name} ${frame.place}`;
      const entry = times.get(key) ?? { name: frame.name, place: frame.place, us: 0 };
      entry.us += frame.selfUs;
      allUs += frame.selfUs;
      times.set(key, entry);
    }
    for (const callee of frame.callees.values()) {
      walk(callee);
    }
  };
  walk(treeOf(profile));
  return [...times.values()]
    .sort((left, right) => right.us - left.us)
    .slice(0, count)
    .map(({ name, place, us }) => ({ name, place, share: us / allUs }));
}

const style = `
  text { font: 11px ui-monospace, Menlo, monospace; fill: #1f2328; pointer-events: none; }
  .title { font: 600 15px system-ui, sans-serif; }
  .page { fill: #ffffff; }
  .raft { fill: #f6b26b; } .wal { fill: #93c47d; } .kv { fill: #8ec1ea; } .grpc { fill: #c5a3e0; } .etcd { fill: #e8a0b0; }
  .node { fill: #d0d7de; } .other { fill: #e5d8a8; }
  rect { stroke: #ffffff; stroke-width: 0.5; }
  @media (prefers-color-scheme: dark) {
    .title { fill: #f0f6fc; } .page { fill: #0d1117; } rect { stroke: #0d1117; }
    .legend { fill: #f0f6fc; }
  }
`;

/** The colour says which package. */
function groupOf({ name, place }: Frame): string {
  const [first = ""] = place.split("/");
  const known = ["raft", "wal", "kv", "grpc", "etcd"].find(
    (group) => first === group || first.startsWith(`${group}-`),
  );
  return known ?? (place.startsWith("node:") || place === "" || name.startsWith("(") ? "node" : "other");
}

/** Draws a profile. */
export function flameGraph(profile: CpuProfile, title: string): string {
  const root = treeOf(profile);
  const scale = width / Math.max(1, root.totalUs);
  const boxes: string[] = [];
  let deepest = 0;
  const draw = (frame: Frame, x: number, depth: number): void => {
    const wide = frame.totalUs * scale;
    if (wide < pixelsMin || depth > depthMax) {
      return;
    }
    deepest = Math.max(deepest, depth);
    boxes.push(box(frame, { x, wide, depth }, frame.totalUs / root.totalUs));
    let at = x;
    for (const callee of [...frame.callees.values()].sort((left, right) =>
      left.name < right.name ? -1 : 1,
    )) {
      draw(callee, at, depth + 1);
      at += callee.totalUs * scale;
    }
  };
  draw(root, 0, 0);
  const height = (deepest + 1) * rowHeight + 48;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<text class="title" x="10" y="20">${escaped(title)}</text>`,
    `<text class="legend" x="10" y="36">orange raft, green wal, blue kv, violet grpc, red etcd, grey Node.js, sand the server</text>`,
    // The root stands at the bottom.
    `<g transform="translate(0 ${height - 4}) scale(1 1)">${boxes.join("\n")}</g>`,
    "</svg>\n",
  ].join("\n");
}

function box(
  frame: Frame,
  { depth, wide, x }: { readonly x: number; readonly wide: number; readonly depth: number },
  share: number,
): string {
  const y = -(depth + 1) * rowHeight;
  const letters = Math.floor((wide - 4) / pixelsPerLetter);
  const label =
    letters < 3 ? "" : frame.name.length <= letters ? frame.name : `${frame.name.slice(0, letters - 1)}…`;
  const tip = `${frame.name} ${frame.place} ${(share * 100).toFixed(2)} %`;
  const words = label === "" ? "" : `<text x="${(x + 2).toFixed(1)}" y="${y + 12}">${escaped(label)}</text>`;
  return `<g><title>${escaped(tip)}</title><rect class="${groupOf(frame)}" x="${x.toFixed(1)}" y="${y}" width="${wide.toFixed(1)}" height="${rowHeight - 1}"/>${words}</g>`;
}

/** Reads a profile. */
export function readProfile(path: string): CpuProfile {
  return JSON.parse(readFileSync(path, "utf8")) as CpuProfile;
}

if (import.meta.main) {
  const [, , path] = process.argv;
  if (path === undefined) {
    console.error("usage: node bench/flame-graph.ts PROFILE.cpuprofile > flame.svg");
    process.exitCode = 2;
  } else {
    process.stdout.write(flameGraph(readProfile(path), path));
  }
}
