import type { SnapshotMetadata, SnapshotSink, SnapshotSource } from "@quorate/raft";
import type { Database, WriteBatch } from "./database.ts";
/** The images of one database. */
export declare class Snapshots {
    #private;
    constructor(database: Database);
    /** Of the newest image. */
    get metadata(): SnapshotMetadata | null;
    /** Drops chunks of images that never counted: what a crash left. */
    dropStrays(): Promise<void>;
    /** An image of the state machine here; it is the newest when it is finished, unless a newer one came meanwhile. */
    create(metadata: SnapshotMetadata): SnapshotSink;
    /** An image of the leader's; a batch with the same metadata makes it the newest. */
    receive(metadata: SnapshotMetadata): SnapshotSink;
    /** Takes a received image for the batch that installs it. */
    take(metadata: SnapshotMetadata): {
        put(write: WriteBatch): void;
        done(): void;
    };
    /** The newest image for reading; null when there is none. */
    openNewest(): SnapshotSource | null;
}
//# sourceMappingURL=snapshots.d.ts.map