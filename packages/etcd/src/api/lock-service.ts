/** v3lockpb.Lock: a lock is held by the first key under its name; the key is the fencing token's name, its revision the token. */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { emptyBytes } from "@quorate/base";
import {
  LockRequestSchema,
  LockResponseSchema,
  UnlockRequestSchema,
  UnlockResponseSchema,
} from "#generated/v3lockpb_pb.js";
import type { UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail } from "./failures.ts";
import type { FirstCome } from "./first-come.ts";

/** ETCD: the text of its mutex. */
const expired = "mutex: session is expired";

/** Lock.Lock: answers when the lock is held. */
export function handleLock(
  context: ApiContext,
  queue: FirstCome,
  input: Uint8Array,
  call: UnaryApiCall,
): void {
  const request = decodeOrFail(call, input, (bytes) =>
    decodeMessage(() => fromBinary(LockRequestSchema, bytes)),
  );
  if (request === null || !context.admit(call, false)) {
    return;
  }
  const name = request.name.slice();
  queue.enter(call, name, request.lease, emptyBytes, (place) => {
    queue.wait(call, name, place, expired, () => {
      const header = context.messageHeader(context.options.store.revision);
      call.respond(toBinary(LockResponseSchema, create(LockResponseSchema, { header, key: place.key })));
    });
  });
}

/** Lock.Unlock: deletes the key, whoever's it is. */
export function handleUnlock(context: ApiContext, input: Uint8Array, call: UnaryApiCall): void {
  const request = decodeOrFail(call, input, (bytes) =>
    decodeMessage(() => fromBinary(UnlockRequestSchema, bytes)),
  );
  if (request === null || !context.admit(call, false)) {
    return;
  }
  const remove = { type: "delete-range", key: request.key, rangeEnd: emptyBytes, prevKv: false } as const;
  context.submitMessage(call, context.encode(remove), ({ revision }) =>
    toBinary(UnlockResponseSchema, create(UnlockResponseSchema, { header: context.messageHeader(revision) })),
  );
}
