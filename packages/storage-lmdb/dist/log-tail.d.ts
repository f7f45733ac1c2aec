import { type Entry, type LogId, type LogIndex, type Term } from "@quorate/raft";
/** The log behind `base`, its last compacted entry. */
export declare class LogTail {
    #private;
    /** Keeps the last entries of about `bytesMax` bytes. */
    constructor(base: LogId, bytesMax: number);
    get firstIndex(): LogIndex;
    get lastIndex(): LogIndex;
    /** As `LogView.term`. */
    term(index: LogIndex): Term | "compacted" | "unavailable";
    /** The entry at `index` when it is in memory. */
    cached(index: LogIndex): Entry | null;
    /** Appends, or replaces what stands from the first of `entries` on. RAFT §5.3: a conflicting entry and all behind it go. */
    append(entries: readonly Entry[]): void;
    /** Drops entries up to and including `index`; returns the place that the log then begins behind. */
    compact(index: LogIndex): LogId;
}
//# sourceMappingURL=log-tail.d.ts.map