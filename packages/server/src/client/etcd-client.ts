/** The calls of etcd's API that the command line and the tests make. */
import { emptyBytes, utf8Encode } from "@quorate/base";
import { type ClientTls, createGrpcClient, type GrpcClient } from "@quorate/grpc/client";
import { encodeFields, Fields } from "./protobuf-fields.ts";

/** What `Maintenance.Status` answers. Ids are hexadecimal, as etcd's tools print them. */
export interface EndpointStatus {
  readonly clusterId: string;
  readonly memberId: string;
  readonly version: string;
  readonly dbBytes: number;
  readonly dbBytesInUse: number;
  readonly leader: string;
  readonly raftIndex: number;
  readonly raftAppliedIndex: number;
  readonly raftTerm: number;
  readonly isLearner: boolean;
  readonly errors: readonly string[];
}

/** One row of `Cluster.MemberList`. */
export interface ListedMember {
  readonly id: string;
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  readonly isLearner: boolean;
}

/** One key of an answer. */
interface ListedKey {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly modRevision: number;
}

/** What to read: one key, or all from `key` to below `rangeEnd`. */
interface RangeOptions {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  /** Answer from the member's own state, which may be stale. */
  readonly serializable?: boolean;
  readonly limit?: number;
}

/** A client of one member. Every call rejects with `GrpcError`. */
export class EtcdClient {
  readonly #client: GrpcClient;
  readonly #timeoutMs: number;

  /**
   * @param endpoint `http://host:port`, `https://host:port`, or `host:port`, which is without TLS.
   * @param tls What is trusted and shown over `https:`.
   */
  constructor(endpoint: string, timeoutMs = 5000, tls: ClientTls = {}) {
    const url = endpoint.includes("://") ? endpoint : `http://${endpoint}`;
    this.#client = createGrpcClient(url, { connectTimeoutMs: timeoutMs, tls });
    this.#timeoutMs = timeoutMs;
  }

  /** Writes one key; the revision it got. */
  async put(key: Uint8Array, value: Uint8Array): Promise<number> {
    const answer = await this.#call("/etcdserverpb.KV/Put", encodeFields({ 1: key, 2: value }));
    return Number(answer.messages(1)[0]?.uint(3) ?? 0n);
  }

  /** Reads keys in order. */
  async range(options: RangeOptions): Promise<readonly ListedKey[]> {
    const request = encodeFields({
      1: options.key,
      2: options.rangeEnd ?? emptyBytes,
      3: options.limit ?? 0,
      7: options.serializable ?? false,
    });
    const answer = await this.#call("/etcdserverpb.KV/Range", request);
    return answer.messages(2).map((kv) => ({
      key: kv.bytes(1)[0] ?? emptyBytes,
      value: kv.bytes(5)[0] ?? emptyBytes,
      modRevision: Number(kv.uint(3)),
    }));
  }

  async status(): Promise<EndpointStatus> {
    const answer = await this.#call("/etcdserverpb.Maintenance/Status", emptyBytes);
    const header = answer.messages(1)[0];
    return {
      clusterId: (header?.uint(1) ?? 0n).toString(16),
      memberId: (header?.uint(2) ?? 0n).toString(16),
      version: answer.texts(2).at(-1) ?? "",
      dbBytes: Number(answer.uint(3)),
      leader: answer.uint(4).toString(16),
      raftIndex: Number(answer.uint(5)),
      raftTerm: Number(answer.uint(6)),
      raftAppliedIndex: Number(answer.uint(7)),
      errors: answer.texts(8),
      dbBytesInUse: Number(answer.uint(9)),
      isLearner: answer.uint(10) !== 0n,
    };
  }

  async memberList(): Promise<readonly ListedMember[]> {
    const answer = await this.#call("/etcdserverpb.Cluster/MemberList", emptyBytes);
    return answer.messages(2).map((member) => ({
      id: member.uint(1).toString(16),
      name: member.texts(2).at(-1) ?? "",
      peerUrls: member.texts(3),
      clientUrls: member.texts(4),
      isLearner: member.uint(5) !== 0n,
    }));
  }

  close(): void {
    this.#client.close();
  }

  async #call(path: string, message: Uint8Array): Promise<Fields> {
    return new Fields(await this.#client.request(path, message, { timeoutMs: this.#timeoutMs }));
  }
}

/** The end of the range of all keys that start with `prefix`. */
export function prefixEnd(prefix: string): Uint8Array {
  const end = utf8Encode(prefix);
  for (let i = end.length - 1; i >= 0; i--) {
    const byte = end[i] ?? 0;
    if (byte < 0xff) {
      return Uint8Array.of(...end.subarray(0, i), byte + 1);
    }
  }
  return Uint8Array.of(0);
}
