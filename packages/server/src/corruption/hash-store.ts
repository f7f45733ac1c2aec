/** The hash of the local history at a point, made in slices so that nothing waits for it. */
import { type HashKvResult, KvHash, type KvStateMachine } from "@quorate/kv";

/** Records that one slice looks at. PERF: some thousands take a millisecond. */
const recordsPerSlice = 4096;

/** The hash up to `revision`; null where the store cannot be read there: compacted, or not there yet. */
export async function hashAt(machine: KvStateMachine, revision: number): Promise<HashKvResult | null> {
  const hash = machine.beginHash(revision);
  if (!(hash instanceof KvHash)) {
    return null;
  }
  for (;;) {
    const result = hash.step(recordsPerSlice);
    if (result !== null) {
      return result;
    }
    await new Promise((resolve) => setImmediate(resolve));
  }
}
