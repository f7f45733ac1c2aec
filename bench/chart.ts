/** Bar charts as SVG, plain shapes and text, readable on a light and on a dark page. No library: a chart is rectangles. */

/** A bar of a chart of quotients. */
export interface RatioBar {
  readonly label: string;
  readonly least: number;
  readonly median: number;
  readonly greatest: number;
  /** Drawn as a line across the bar; null where there is none. */
  readonly goal: number | null;
}

/** Two bars above each other: what one operation costs each system. */
interface CostBars {
  readonly label: string;
  readonly sides: readonly {
    readonly system: string;
    readonly leader: number;
    /** Of all followers together. */
    readonly followers: number;
  }[];
}

const width = 920;
const labelWidth = 360;
const valueWidth = 130;
const plotWidth = width - labelWidth - valueWidth;
const top = 52;

const style = `
  text { font: 13px system-ui, -apple-system, "Segoe UI", sans-serif; fill: #1f2328; }
  .title { font-size: 15px; font-weight: 600; }
  .small { font-size: 11px; fill: #59636e; }
  .page { fill: #ffffff; }
  .ours { fill: #2f6feb; }
  .ours.soft { fill: #9dbdf7; }
  .theirs { fill: #8c959f; }
  .theirs.soft { fill: #d0d7de; }
  .line { stroke: #1f2328; stroke-width: 1.5; }
  .goal { stroke: #cf222e; stroke-width: 2; }
  .axis { stroke: #d1d9e0; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .small { fill: #9198a1; }
    .page { fill: #0d1117; }
    .ours { fill: #4493f8; }
    .ours.soft { fill: #1f4b8f; }
    .theirs { fill: #9198a1; }
    .theirs.soft { fill: #4a525b; }
    .line { stroke: #f0f6fc; }
    .goal { stroke: #ff7b72; }
    .axis { stroke: #3d444d; }
  }
`;

/** How many times better than the other system, with the range of the rounds and the goal. */
export function ratioChart(title: string, bars: readonly RatioBar[]): string {
  const most = Math.max(1, ...bars.flatMap(({ goal, greatest }) => [greatest, goal ?? 0]));
  const x = (value: number): number => labelWidth + (value / most) * plotWidth;
  const rowHeight = 30;
  const height = top + bars.length * rowHeight + 16;
  const rows = bars.map(({ goal, greatest, label, least, median }, i) => {
    const y = top + i * rowHeight;
    const middle = y + 10;
    return [
      text(labelWidth - 10, y + 14, label, "end"),
      rect(labelWidth, y, x(median) - labelWidth, 20, "ours"),
      least === greatest ? "" : line(x(least), middle, x(greatest), middle, "line"),
      goal === null ? "" : line(x(goal), y - 3, x(goal), y + 23, "goal"),
      text(labelWidth + plotWidth + 12, y + 14, `${short(median)} ×`),
    ].join("");
  });
  const one = line(x(1), top - 8, x(1), height - 10, "axis");
  const legend = "bar: median of the rounds · thin line: least to greatest · red: the goal · grey: as etcd";
  return page(height, title, legend, [one, ...rows]);
}

/** CPU of one operation, leader and followers, system by system. */
export function costChart(title: string, groups: readonly CostBars[]): string {
  const most = Math.max(
    1,
    ...groups.flatMap(({ sides }) => sides.map((side) => side.leader + side.followers)),
  );
  const scale = (value: number): number => (value / most) * plotWidth;
  const rowHeight = 50;
  const height = top + groups.length * rowHeight + 10;
  const rows = groups.map(({ label, sides }, i) => {
    const y = top + i * rowHeight;
    const bars = sides.map(({ followers, leader, system }, at) => {
      const barY = y + at * 20;
      const color = at === 0 ? "ours" : "theirs";
      return [
        rect(labelWidth, barY, scale(leader), 17, color),
        rect(labelWidth + scale(leader), barY, scale(followers), 17, `${color} soft`),
        text(
          labelWidth + scale(leader + followers) + 8,
          barY + 13,
          `${short(leader)} + ${short(followers)} µs ${system}`,
          "start",
          "small",
        ),
      ].join("");
    });
    return text(labelWidth - 10, y + 23, label, "end") + bars.join("");
  });
  return page(height, title, "full colour: leader · pale: both followers together", rows);
}

function page(height: number, title: string, legend: string, parts: readonly string[]): string {
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="${escaped(title)}">`,
    `<style>${style}</style>`,
    rect(0, 0, width, height, "page"),
    text(16, 24, title, "start", "title"),
    text(16, 42, legend, "start", "small"),
    ...parts,
    "</svg>\n",
  ].join("\n");
}

function rect(x: number, y: number, barWidth: number, barHeight: number, name: string): string {
  return `<rect class="${name}" x="${fixed(x)}" y="${fixed(y)}" width="${fixed(Math.max(0, barWidth))}" height="${barHeight}"/>`;
}

function line(x1: number, y1: number, x2: number, y2: number, name: string): string {
  return `<line class="${name}" x1="${fixed(x1)}" y1="${fixed(y1)}" x2="${fixed(x2)}" y2="${fixed(y2)}"/>`;
}

function text(x: number, y: number, words: string, anchor = "start", name = ""): string {
  return `<text x="${fixed(x)}" y="${fixed(y)}" text-anchor="${anchor}" class="${name}">${escaped(words)}</text>`;
}

function fixed(value: number): string {
  return String(Number(value.toFixed(1)));
}

function short(value: number): string {
  return value >= 100 ? value.toFixed(0) : value < 1 ? value.toFixed(2) : value.toFixed(1);
}

/** Text as it may stand in SVG. */
export function escaped(words: string): string {
  return words
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}
