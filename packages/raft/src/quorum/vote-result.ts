/** The state of an election. RAFT §3.4. */

/** Decided for or against the candidate, or still open. */
export type VoteResult = "won" | "lost" | "pending";

/** Both majorities must agree (RAFT §4.3): one loss decides, and only two wins win. */
export function bothVoteResults(left: VoteResult, right: VoteResult): VoteResult {
  if (left === right) {
    return left;
  }
  return left === "lost" || right === "lost" ? "lost" : "pending";
}
