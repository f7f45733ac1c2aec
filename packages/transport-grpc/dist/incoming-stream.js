import { equalBytes } from "@quorate/base";
import { FrameDecoder, frameBytesMaxDefault, wireVersion, } from "@quorate/raft";
import { changedStore, control } from "./outgoing-stream.js";
/** One accepted stream. */
export class IncomingStream {
    #context;
    #call;
    #decoder;
    #peer = null;
    /** While the peer's store id is being noted, nothing further is read. */
    #admitting = false;
    #heardSinceCheck = false;
    #ended = false;
    #why = "ended by the peer";
    #timer;
    constructor(context, call) {
        this.#context = context;
        this.#call = call;
        this.#decoder = new FrameDecoder(context.limits.handshakeBytesMax);
        this.#timer = setTimeout(() => this.end("no handshake"), context.limits.handshakeTimeoutMs);
        call.on("data", (chunk) => this.#data(chunk));
        call.on("error", (error) => this.end(error.message));
        call.on("end", () => this.end("ended by the peer"));
        call.on("cancelled", () => this.end("cancelled by the peer"));
    }
    /** Who it is; null before it has introduced itself. */
    get peer() {
        return this.#peer;
    }
    /** Ends it; nothing of it counts any more. */
    end(why) {
        if (this.#ended) {
            return;
        }
        this.#ended = true;
        this.#why = why;
        clearTimeout(this.#timer);
        this.#call.end();
        if (this.#peer !== null) {
            const { onEvent } = this.#context.start;
            onEvent?.({ type: "disconnected", peer: this.#peer, direction: "in", why: this.#why });
        }
        this.#context.closed(this);
    }
    /** The peer was removed: it is told so, and nothing that it still says counts. */
    dismiss() {
        if (this.#peer !== null) {
            this.#refuse("removed", removed(this.#peer));
        }
    }
    #data(chunk) {
        if (!this.#ended) {
            this.#heardSinceCheck = true;
            this.#context.counters.receivedBytes += chunk.length;
            this.#decoder.push(chunk);
            this.#takeFrames();
        }
    }
    #takeFrames() {
        while (!this.#admitting && !this.#ended) {
            const decoded = this.#decoder.next();
            if (decoded === null) {
                return;
            }
            this.#frame(decoded);
        }
    }
    #frame(decoded) {
        if (decoded.status === "failed") {
            this.#bad(decoded.detail);
        }
        else if (decoded.status === "frame") {
            this.#peerFrame(decoded.content);
        }
        else if (decoded.content.kind === "hello" && this.#peer === null) {
            this.#hello(decoded.content);
        }
        else if (decoded.content.kind === "ping" && this.#peer !== null) {
            this.#call.write(control({ kind: "pong" }));
        }
        else if (decoded.content.kind === "goodbye") {
            this.end("the peer said goodbye");
        }
        else {
            this.#bad(`unexpected ${decoded.content.kind}`);
        }
    }
    #peerFrame(content) {
        const peer = this.#peer;
        if (peer === null) {
            this.#bad("frame before the handshake");
            return;
        }
        const { frame } = content;
        // Only a wish to hand over leadership names a third member: the one that is to lead.
        const spoofed = frame.kind === "message" &&
            (frame.message.to !== this.#context.start.identity.id ||
                (frame.message.from !== peer && frame.message.type !== "transfer-leadership"));
        if (spoofed) {
            this.#bad(`member ${peer} sent a message that is not from it to this member`);
            return;
        }
        this.#context.counters.receivedFrames++;
        this.#context.received(peer, content);
    }
    #hello(hello) {
        const { identity, onFatal, storeIds } = this.#context.start;
        const refusal = this.#judge(hello);
        if (refusal !== null) {
            this.#refuse(...refusal);
            return;
        }
        this.#admitting = true;
        this.#call.pause();
        storeIds.note(hello.from, hello.storeId, (error) => {
            this.#admitting = false;
            this.#call.resume();
            if (error !== null) {
                this.end(error.message);
                onFatal(error);
            }
            else if (!this.#ended) {
                this.#admit(hello.from);
                const { bootId, id, storeId } = identity;
                this.#call.write(control({ kind: "welcome", version: wireVersion, from: id, storeId, bootId }));
                this.#takeFrames();
            }
        });
    }
    #judge(hello) {
        const { identity, storeIds } = this.#context.start;
        if (hello.versionMin > wireVersion || hello.versionMax < wireVersion) {
            const spoken = `${hello.versionMin} to ${hello.versionMax}`;
            return ["version", `peer speaks versions ${spoken}, this member ${wireVersion}`];
        }
        if (hello.clusterId !== identity.clusterId) {
            const [theirs, ours] = [hello.clusterId.toString(16), identity.clusterId.toString(16)];
            return ["cluster", `peer belongs to cluster ${theirs}, this member to ${ours}`];
        }
        if (hello.to !== identity.id) {
            return ["node", `peer looks for member ${hello.to}, this is ${identity.id}`];
        }
        if (this.#context.isRemoved(hello.from)) {
            return ["removed", removed(hello.from)];
        }
        if (!this.#context.isPeer(hello.from)) {
            return ["unknown-peer", `${hello.from} is not a member of this cluster`];
        }
        if (storeIds.judge(hello.from, hello.storeId) === "different") {
            return ["store", changedStore(hello.from)];
        }
        if (hello.expectedStoreId !== null && !equalBytes(hello.expectedStoreId, identity.storeId)) {
            return ["store", changedStore(identity.id)];
        }
        return null;
    }
    #admit(peer) {
        this.#peer = peer;
        this.#decoder.frameBytesMax = frameBytesMaxDefault;
        clearTimeout(this.#timer);
        // One timer for the whole stream instead of one reset with each chunk.
        this.#timer = setInterval(() => {
            if (!this.#heardSinceCheck) {
                this.end("no sign of life");
            }
            this.#heardSinceCheck = false;
        }, this.#context.limits.silenceMs);
        this.#context.introduced(this, peer);
        this.#context.start.onEvent?.({ type: "connected", peer, direction: "in" });
    }
    #refuse(cause, detail) {
        this.#context.counters.refusedHandshakes++;
        this.#context.start.onEvent?.({ type: "refused", remote: this.#call.getPeer(), cause, detail });
        this.#call.write(control({ kind: "refusal", cause, detail }));
        this.end(detail);
    }
    #bad(why) {
        this.#context.counters.badFrames++;
        this.#context.start.onEvent?.({ type: "bad-frame", remote: this.#call.getPeer(), why });
        this.end(why);
    }
}
function removed(peer) {
    return `member ${peer} was removed from the cluster`;
}
//# sourceMappingURL=incoming-stream.js.map