/** `downgrade …`. */
import {
  DowngradeRequest_DowngradeAction as DowngradeAction,
  DowngradeResponseSchema,
  Maintenance,
} from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";

const actions: Readonly<
  Record<"validate" | "enable" | "cancel", { readonly action: DowngradeAction; readonly label: string }>
> = {
  validate: { action: DowngradeAction.VALIDATE, label: "Downgrade validate" },
  enable: { action: DowngradeAction.ENABLE, label: "Downgrade enable" },
  cancel: { action: DowngradeAction.CANCEL, label: "Downgrade cancel" },
};

/** Asks whether the cluster could go down to a version, begins that, or takes it back. */
export async function downgrade(context: CtlContext, what: keyof typeof actions): Promise<number> {
  const { args, output } = context;
  const [version] = args;
  if (what !== "cancel" && version === undefined) {
    throw badArguments("TARGET_VERSION not provided");
  }
  if (args.length > (what === "cancel" ? 0 : 1)) {
    throw badArguments("too many arguments");
  }
  const { action, label } = actions[what];
  const client = await context.client();
  const answer = await client.call(Maintenance.method.downgrade, { action, version: version ?? "" });
  output.message(DowngradeResponseSchema, answer, {
    simple: () => [`${label} success, cluster version ${answer.version}`],
  });
  return ctlExit.ok;
}
