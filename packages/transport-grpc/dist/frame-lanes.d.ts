import { type GroupId, type PeerFrame } from "@quorate/raft";
/** Both lanes of one stream. */
export declare class FrameLanes {
    #private;
    constructor(limits: {
        readonly urgentBytesMax: number;
        readonly bulkBytesMax: number;
    });
    /** Whether the frame was taken; a full lane takes none. */
    push(group: GroupId, frame: PeerFrame): boolean;
    /** The next frame, whole: frames must not be mixed on the stream. Null when nothing waits. */
    shift(): Uint8Array | null;
}
//# sourceMappingURL=frame-lanes.d.ts.map