/** `defrag`. */
import { Maintenance } from "@quorate/etcd/messages";
import { ClientFailure } from "../../../client/client-failure.ts";
import type { CtlContext } from "../command-tree.ts";
import { ctlExit } from "../ctl-error.ts";
import { durationText } from "../go-text.ts";
import { endpointsOf } from "./endpoint.ts";

/** Defragments one endpoint after the other, so that never two are slow at once. */
export async function defrag(context: CtlContext): Promise<number> {
  const client = await context.client();
  let failed = false;
  for (const endpoint of await endpointsOf(context)) {
    const startMs = performance.now();
    const took = (): string => durationText(performance.now() - startMs);
    try {
      await client.call(Maintenance.method.defragment, {}, { endpoint });
      context.output.lines([`Finished defragmenting etcd member[${endpoint.text}]. took ${took()}`]);
    } catch (error) {
      if (!(error instanceof ClientFailure)) {
        throw error;
      }
      failed = true;
      process.stderr.write(
        `Failed to defragment etcd member[${endpoint.text}]. took ${took()}. (${error.message})\n`,
      );
    }
  }
  return failed ? ctlExit.error : ctlExit.ok;
}
