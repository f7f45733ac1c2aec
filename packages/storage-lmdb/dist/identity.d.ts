import { type ConfState, type NodeId } from "@quorate/raft";
import type { Database } from "./database.ts";
/** What a member's storage is opened with; the node gives it. */
export interface LmdbStorageStart {
    /** Where the database lies, as `raft.mdb`. */
    readonly dataDir: string | null;
    readonly id: NodeId;
    readonly clusterId: number;
    /** The first configuration, for a store that is empty. */
    readonly voters: readonly NodeId[];
    /** The application's bytes, kept from the creation on. */
    readonly application?: Uint8Array;
}
/** Said to peers in each handshake; a member that comes back with another store id is refused. */
export interface LmdbIdentity {
    readonly clusterId: number;
    readonly nodeId: NodeId;
    /** 16 bytes, drawn when the database was made. */
    readonly storeId: Uint8Array;
    /** The configuration before the first entry. */
    readonly confState: ConfState;
    readonly application: Uint8Array;
}
/** The stored identity, or a new one for an empty database. @throws StorageError when it is another's, or missing from one in use. */
export declare function readIdentity(database: Database, start: LmdbStorageStart): {
    readonly identity: LmdbIdentity;
    readonly isNew: boolean;
};
/** The value of the identity. */
export declare function encodeIdentity(identity: LmdbIdentity): Uint8Array;
//# sourceMappingURL=identity.d.ts.map