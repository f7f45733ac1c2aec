/** The key-value machine as the API reads it. */
import type { StorePort } from "@quorate/etcd";
import { KvError, type KvStateMachine, type RangeRequest, type RangeResult } from "@quorate/kv";

/** Local reads; what the machine refuses is thrown, as the port has it. */
export function storePort(machine: KvStateMachine): StorePort {
  return {
    get revision() {
      return machine.revision;
    },
    get sizeBytes() {
      return machine.dbSizeBytes;
    },
    get sizeInUseBytes() {
      return machine.liveBytes;
    },
    range(request: RangeRequest): RangeResult {
      const result = machine.range(request);
      if (result.type === "refused") {
        throw new KvError(result.code);
      }
      return result;
    },
  };
}
