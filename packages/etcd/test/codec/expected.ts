/** What protobuf-es is given to encode, for comparison. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { KeyValueSchema, ResponseHeaderSchema } from "@quorate/etcd/messages";
import type { KeyValue } from "@quorate/kv";

/** Ids and term as large as they get. */
export const header = { clusterId: 2 ** 53 - 1, memberId: 2 ** 53 - 2, revision: 5, raftTerm: 300 } as const;

export const headerInit: MessageInitShape<typeof ResponseHeaderSchema> = {
  clusterId: BigInt(header.clusterId),
  memberId: BigInt(header.memberId),
  revision: BigInt(header.revision),
  raftTerm: BigInt(header.raftTerm),
};

export function expectedKv(kv: KeyValue): MessageInitShape<typeof KeyValueSchema> {
  return {
    key: kv.key,
    createRevision: BigInt(kv.createRevision),
    modRevision: BigInt(kv.modRevision),
    version: BigInt(kv.version),
    value: kv.value,
    lease: kv.lease,
  };
}
