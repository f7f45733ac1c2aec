/** What a world may use only so often: counts of it share one number of its row. */

/** All counts of what is used up share one number. */
const budgetBits = 6;
/** The most that any of them counts to. */
export const budgetMax: number = (1 << budgetBits) - 1;

/** What a world may use only so often, by the place of its count. PERF: asked for many times in each step. */
export const budgets: {
  readonly proposals: 0;
  readonly crashes: 6;
  readonly changes: 12;
  readonly heartbeats: 18;
  readonly campaigns: 24;
} = { proposals: 0, crashes: 6, changes: 12, heartbeats: 18, campaigns: 24 };
/** One of them. */
export type Budget = (typeof budgets)[keyof typeof budgets];
