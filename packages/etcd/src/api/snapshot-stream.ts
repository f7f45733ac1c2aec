/** Maintenance.Snapshot: an image of the moment of the request, streamed in chunks at the pace of the client. */
import { create, toBinary } from "@bufbuild/protobuf";
import type { KvImage } from "@quorate/kv";
import { SnapshotResponseSchema } from "#generated/etcdserverpb_pb.js";
import type { DigestPort, StreamApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { snapshotHead, snapshotTail } from "./snapshot-file.ts";

/** ETCD: 32 KiB. */
const chunkBytes = 32 * 1024;

/** One stream. */
export class SnapshotStream {
  readonly #context: ApiContext;
  readonly #call: StreamApiCall;
  readonly #image: KvImage;
  readonly #digest: DigestPort;
  readonly #expectedBytes: number;
  #imageBytes = 0;
  #blocked = false;

  constructor(context: ApiContext, call: StreamApiCall, digest: DigestPort) {
    this.#context = context;
    this.#call = call;
    this.#digest = digest;
    this.#expectedBytes = context.options.store.liveBytes;
    this.#image = context.options.store.snapshot();
    call.onCancel(() => this.#image.close());
    call.onDrain(() => {
      if (this.#blocked) {
        this.#blocked = false;
        this.#step();
      }
    });
  }

  /** Begins to send. */
  start(): void {
    this.#send(snapshotHead(this.#context.options.membership.clusterId), this.#expectedBytes);
    this.#step();
  }

  #step(): void {
    if (this.#call.ended) {
      this.#image.close();
      return;
    }
    const chunk = this.#image.read(chunkBytes);
    if (chunk === null) {
      this.#finish();
      return;
    }
    this.#imageBytes += chunk.length;
    // How long the image gets is known at its end; until then at least a byte remains.
    if (this.#send(chunk, Math.max(1, this.#expectedBytes - this.#imageBytes))) {
      this.#context.options.defer.defer(() => this.#step());
    } else {
      this.#blocked = true;
    }
  }

  #finish(): void {
    this.#image.close();
    this.#send(snapshotTail(this.#imageBytes), 0);
    this.#write(this.#digest.digest(), 0);
    this.#call.end();
  }

  #send(blob: Uint8Array, remainingBytes: number): boolean {
    this.#digest.update(blob);
    return this.#write(blob, remainingBytes);
  }

  #write(blob: Uint8Array, remainingBytes: number): boolean {
    const message = create(SnapshotResponseSchema, {
      header: this.#context.messageHeader(this.#context.options.store.revision),
      remainingBytes: BigInt(remainingBytes),
      blob,
      version: this.#context.options.store.downgradeTarget ?? this.#context.options.about.storageVersion,
    });
    return this.#call.write(toBinary(SnapshotResponseSchema, message));
  }
}
