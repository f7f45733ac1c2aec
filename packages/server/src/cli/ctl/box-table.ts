/** A table in a frame of lines, as etcdctl 3.7 draws it: heads in capitals and centred, values to the right. */

/** Draws it, each line with its end. */
export function boxTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => (row[column] ?? "").length)),
  );
  const rule = (left: string, middle: string, right: string): string =>
    `${left}${widths.map((width) => "─".repeat(width + 2)).join(middle)}${right}\n`;
  const centred = (text: string, width: number): string => {
    const before = Math.floor((width - text.length) / 2);
    return `${" ".repeat(before)}${text}${" ".repeat(width - text.length - before)}`;
  };
  const line = (cells: readonly string[], place: (text: string, width: number) => string): string =>
    `│${widths.map((width, column) => ` ${place(cells[column] ?? "", width)} `).join("│")}│\n`;
  return [
    rule("┌", "┬", "┐"),
    line(
      head.map((title) => title.toUpperCase()),
      centred,
    ),
    rule("├", "┼", "┤"),
    ...rows.map((row) => line(row, (text, width) => text.padStart(width))),
    rule("└", "┴", "┘"),
  ].join("");
}
