/** What a rule of Raft is, and the short forms in which the chapters beside list them. The wordings are ours. */

/**
 * Where a rule lives: `core`, `host` and `wal` enforce it (the latter two are named by a text that stands once in a file),
 * `differs` is kept in another way, `not-yet` waits for a capability that is not built, `outside` is for nobody in here, and a
 * `case` is not a rule but what goes wrong without: it needs a test only.
 */
type RuleStatus = "core" | "host" | "wal" | "differs" | "not-yet" | "outside" | "case";

/** A place in a file: its path, and a text that stands in it exactly once. */
export interface Anchor {
  readonly path: string;
  readonly text: string;
}

/** One sentence of the sources that says what a server must or must not do. */
export interface Rule {
  /** Stands in brackets behind the citation in the source, and in a comment above its test. */
  readonly id: string;
  /** Where it is said: places in Figure 2 or 3, sections of the dissertation (`§3.5`), of the paper (`paper §5.3`). */
  readonly from: string;
  readonly text: string;
  readonly status: RuleStatus;
  /** Why it is kept otherwise, or by nobody; the capability that a `not-yet` waits for. */
  readonly note: string;
  /** Places that carry no tag. */
  readonly sources: readonly Anchor[];
  readonly tests: readonly Anchor[];
}

function rule(id: string, from: string, text: string, more: Partial<Rule>): Rule {
  return { id, from, text, status: "core", note: "", sources: [], tests: [], ...more };
}

/** Enforced by the core, which carries its tag. */
export function core(id: string, from: string, text: string): Rule {
  return rule(id, from, text, {});
}

/** Kept in another way than the sources describe; the core carries its tag. */
export function differs(id: string, from: string, text: string, note: string): Rule {
  return rule(id, from, text, { status: "differs", note });
}

/** Enforced around the core. */
export function around(
  status: "host" | "wal",
  id: string,
  from: string,
  text: string,
  source: Anchor,
  test: Anchor,
): Rule {
  return rule(id, from, text, { status, sources: [source], tests: [test] });
}

/** Enforced by the host or beside it, which carries its tag. */
export function host(id: string, from: string, text: string): Rule {
  return rule(id, from, text, { status: "host" });
}

/** Waits for a capability. */
export function notYet(id: string, from: string, text: string, note: string): Rule {
  return rule(id, from, text, { status: "not-yet", note });
}

/** Binds nobody in here: clients, operators, or a choice that the sources leave open. */
export function outside(id: string, from: string, text: string, note: string): Rule {
  return rule(id, from, text, { status: "outside", note });
}

/** What went wrong somewhere; `tests` are those that carry no tag. */
export function corner(number: number, text: string, ...tests: readonly Anchor[]): Rule {
  return rule(`case-${number}`, "", text, { status: "case", tests });
}
