/** A watch that outlives connections: after one broke it goes on at the next member, behind the last revision it gave out. */
import {
  type MessageInitShape,
  Watch,
  type WatchCreateRequestSchema,
  type WatchResponse,
} from "@quorate/etcd/messages";
import type { ClusterClient } from "./cluster-client.ts";

/** What to watch. */
export type WatchRequestInit = MessageInitShape<typeof WatchCreateRequestSchema>;

/** How a caller acts on a watch that runs. */
export interface WatchControl {
  /** Asks the server for a sign of progress; set while there is a stream. */
  requestProgress?: () => void;
  /** Called whenever a stream has been made and the server has begun to watch, with the revision it begins behind. */
  onCreated?: (revision: bigint) => void;
}

/**
 * Answers of a watch, in order of revisions, without gap or repeat, until it is cancelled by the server: that answer is the last.
 * Ends when `signal` aborts. Throws ClientFailure for what another attempt cannot mend.
 */
export async function* watchKeys(
  client: ClusterClient,
  request: WatchRequestInit,
  signal?: AbortSignal,
  control: WatchControl = {},
): AsyncGenerator<WatchResponse, void, undefined> {
  let next = request.startRevision ?? 0n;
  for (let attempt = 0; signal?.aborted !== true; attempt++) {
    const stream = await client.stream(Watch.method.watch);
    const cancel = (): void => stream.cancel();
    signal?.addEventListener("abort", cancel, { once: true });
    stream.write({ requestUnion: { case: "createRequest", value: { ...request, startRevision: next } } });
    control.requestProgress = () => stream.write({ requestUnion: { case: "progressRequest", value: {} } });
    try {
      for await (const answer of stream) {
        attempt = 0;
        if (answer.created && !answer.canceled) {
          const revision = answer.header?.revision ?? 0n;
          control.onCreated?.(revision);
          // From now on means from this moment, also after the connection breaks before anything happened.
          next = next === 0n ? revision + 1n : next;
          continue;
        }
        yield answer;
        if (answer.canceled) {
          return;
        }
        const last = answer.events.at(-1)?.kv?.modRevision;
        if (last !== undefined && !answer.fragment) {
          next = last + 1n;
        }
      }
    } catch (error) {
      if (!client.mayReopen(error)) {
        throw client.failureOf(error);
      }
      await client.failOver(error, attempt);
    } finally {
      signal?.removeEventListener("abort", cancel);
    }
  }
}
