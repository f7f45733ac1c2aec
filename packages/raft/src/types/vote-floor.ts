/** What a member may have acknowledged although damage makes its log no longer show it. */
import type { LogId } from "./entry.ts";

/**
 * Below it a member grants no vote and does not campaign: what it once acknowledged may be gone from its log. `unknown` where the
 * damage took what names it; then it grants no vote at all until a leader has told how far it has to come.
 */
export type VoteFloor = LogId | "unknown";
