/**
 * What waits to be sent to one peer: two lanes of encoded frames, bounded in bytes. Urgent frames (votes, heartbeats, acknowledgements)
 * overtake bulk ones (entries, proposals, snapshot chunks): a heartbeat that waits behind a snapshot calls an election.
 */
import { assert, ByteWriter, RingBuffer } from "@quorate/base";
import { encodePeerFrame } from "@quorate/raft";
class Lane {
    #bytesMax;
    #frames = new RingBuffer();
    #bytes = 0;
    constructor(bytesMax) {
        assert(bytesMax > 0, "lane: no room");
        this.#bytesMax = bytesMax;
    }
    /** Whether the frame was taken. An empty lane takes any. */
    push(group, frame) {
        if (this.#bytes >= this.#bytesMax) {
            return false;
        }
        const writer = new ByteWriter();
        encodePeerFrame(writer, group, frame);
        const bytes = writer.finish();
        this.#frames.push(bytes);
        this.#bytes += bytes.length;
        return true;
    }
    shift() {
        const bytes = this.#frames.shift() ?? null;
        this.#bytes -= bytes?.length ?? 0;
        assert(this.#bytes >= 0, "lane: bytes miscounted");
        return bytes;
    }
}
/** Both lanes of one stream. */
export class FrameLanes {
    #urgent;
    #bulk;
    constructor(limits) {
        this.#urgent = new Lane(limits.urgentBytesMax);
        this.#bulk = new Lane(limits.bulkBytesMax);
    }
    /** Whether the frame was taken; a full lane takes none. */
    push(group, frame) {
        return (isBulk(frame) ? this.#bulk : this.#urgent).push(group, frame);
    }
    /** The next frame, whole: frames must not be mixed on the stream. Null when nothing waits. */
    shift() {
        return this.#urgent.shift() ?? this.#bulk.shift();
    }
}
function isBulk(frame) {
    switch (frame.kind) {
        case "message":
            return frame.message.type === "append-entries" && frame.message.entries.length > 0;
        case "propose":
        case "snapshot-chunk":
            return true;
        default:
            return false;
    }
}
//# sourceMappingURL=frame-lanes.js.map