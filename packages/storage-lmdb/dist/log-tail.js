/**
 * What is in memory of the log: the terms of all entries as runs, and the last entries themselves, so that replication to members that
 * keep up reads nothing from the database. RAFT §3.5.
 */
import { assert, must } from "@quorate/base";
import { entryBytes, offsetIndex } from "@quorate/raft";
/** The log behind `base`, its last compacted entry. */
export class LogTail {
    #bytesMax;
    #base;
    #runs = [];
    #lastIndex;
    /** The last entries; the first of them stands at `#from`. */
    #cached = [];
    #from = 0;
    #cachedBytes = 0;
    /** Keeps the last entries of about `bytesMax` bytes. */
    constructor(base, bytesMax) {
        assert(bytesMax >= 0, "log tail: a negative bound");
        this.#bytesMax = bytesMax;
        this.#base = base;
        this.#lastIndex = base.index;
    }
    get firstIndex() {
        return offsetIndex(this.#base.index, 1);
    }
    get lastIndex() {
        return this.#lastIndex;
    }
    /** As `LogView.term`. */
    term(index) {
        if (index <= this.#base.index) {
            return index === this.#base.index ? this.#base.term : "compacted";
        }
        return index > this.#lastIndex ? "unavailable" : this.#runAt(index).term;
    }
    #runAt(index) {
        let low = 0;
        let high = this.#runs.length - 1;
        while (low < high) {
            const middle = (low + high + 1) >>> 1;
            if (must(this.#runs[middle], "log tail: run").first <= index) {
                low = middle;
            }
            else {
                high = middle - 1;
            }
        }
        const run = must(this.#runs[low], "log tail: an entry without a run");
        assert(run.first <= index, "log tail: an entry before its run");
        return run;
    }
    /** The entry at `index` when it is in memory. */
    cached(index) {
        const entry = this.#cached[index - (this.#lastIndex - this.#cachedCount) - 1 + this.#from];
        assert(entry === undefined || entry.index === index, "log tail: a cached entry in another's place");
        return index > this.#lastIndex - this.#cachedCount ? (entry ?? null) : null;
    }
    get #cachedCount() {
        return this.#cached.length - this.#from;
    }
    /** Appends, or replaces what stands from the first of `entries` on. RAFT §5.3: a conflicting entry and all behind it go. */
    append(entries) {
        const first = entries[0];
        if (first === undefined) {
            return;
        }
        assert(first.index > this.#base.index, "log tail: entries before the log");
        assert(first.index <= this.#lastIndex + 1, "log tail: entries leave a gap");
        this.#cutBehind(offsetIndex(first.index, -1));
        for (const entry of entries) {
            assert(entry.index === this.#lastIndex + 1, "log tail: entries do not follow each other");
            if (this.#runs.at(-1)?.term !== entry.term) {
                this.#runs.push({ first: entry.index, term: entry.term });
            }
            this.#lastIndex = entry.index;
            this.#cached.push(entry);
            this.#cachedBytes += entryBytes(entry);
        }
        this.#trim();
    }
    #cutBehind(index) {
        while (this.#lastIndex > index) {
            if (this.#cachedCount > 0) {
                this.#cachedBytes -= entryBytes(must(this.#cached.pop(), "log tail: cached"));
            }
            this.#lastIndex = offsetIndex(this.#lastIndex, -1);
        }
        while ((this.#runs.at(-1)?.first ?? 0) > index) {
            this.#runs.pop();
        }
        assert(this.#cachedBytes >= 0, "log tail: bytes miscounted");
    }
    #trim() {
        while (this.#cachedBytes > this.#bytesMax && this.#cachedCount > 1) {
            this.#cachedBytes -= entryBytes(must(this.#cached[this.#from], "log tail: oldest"));
            this.#from++;
        }
        // PERF: the dropped front is given back when it is as long as the rest, so that each entry moves once.
        if (this.#from > this.#cachedCount) {
            this.#cached = this.#cached.slice(this.#from);
            this.#from = 0;
        }
    }
    /** Drops entries up to and including `index`; returns the place that the log then begins behind. */
    compact(index) {
        const term = this.term(index);
        assert(typeof term === "number", "log tail: compaction of what is not there");
        this.#base = { index, term };
        const kept = this.#runs.findLastIndex(({ first }) => first <= index + 1);
        this.#runs.splice(0, Math.max(0, kept));
        const superfluous = this.#cachedCount - (this.#lastIndex - index);
        for (let i = 0; i < superfluous; i++) {
            this.#cachedBytes -= entryBytes(must(this.#cached[this.#from], "log tail: oldest"));
            this.#from++;
        }
        this.#trim();
        return this.#base;
    }
}
//# sourceMappingURL=log-tail.js.map