/** `move-leader`. */
import { Maintenance } from "@quorate/etcd/messages";
import { ClientFailure } from "../../../client/client-failure.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";

/** Hands leadership over. ETCD: only the leader does, so one of the endpoints must lead. */
export async function moveLeader(context: CtlContext): Promise<number> {
  const { args, output } = context;
  const [text] = args;
  if (text === undefined || args.length !== 1) {
    throw badArguments("move-leader command needs 1 argument");
  }
  if (!/^[0-9a-f]{1,16}$/i.test(text)) {
    throw badArguments(`"${text}" is not a member ID in Hex`);
  }
  const targetID = BigInt(`0x${text}`);
  const client = await context.client();
  for (const endpoint of client.config.endpoints) {
    const status = await client.call(Maintenance.method.status, {}, { endpoint }).catch((error: unknown) => {
      if (error instanceof ClientFailure) {
        return null; // Down: another one may lead, and if none does that is told below.
      }
      throw error;
    });
    if (status !== null && status.header?.memberId === status.leader) {
      await client.call(Maintenance.method.moveLeader, { targetID }, { endpoint });
      output.lines([`Leadership transferred from ${status.leader.toString(16)} to ${targetID.toString(16)}`]);
      return ctlExit.ok;
    }
  }
  const given = client.config.endpoints.map((endpoint) => endpoint.text).join(" ");
  throw badArguments(`no leader endpoint given at [${given}]`);
}
