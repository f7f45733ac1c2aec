/** `auth …`. */
import { Auth, AuthStatusResponseSchema } from "@quorate/etcd/messages";
import { ClientFailure } from "../../../client/client-failure.ts";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";

/** `auth enable`. ETCD: a user root that lacks the role root is given it on the way. */
export async function authEnable(context: CtlContext): Promise<number> {
  refuseArguments(context, "auth enable");
  const client = await context.client();
  const enable = async (): Promise<void> => {
    await client.call(Auth.method.authEnable, {});
  };
  try {
    await enable();
  } catch (error) {
    if (
      !(error instanceof ClientFailure && error.reason === "etcdserver: root user does not have root role")
    ) {
      throw error;
    }
    await client.call(Auth.method.roleAdd, { name: "root" }).catch((failure: unknown) => {
      if (!(failure instanceof ClientFailure && failure.reason === "etcdserver: role name already exists")) {
        throw failure;
      }
    });
    await client.call(Auth.method.userGrantRole, { user: "root", role: "root" });
    await enable();
  }
  context.output.lines(["Authentication Enabled"]);
  return ctlExit.ok;
}

/** `auth disable`. */
export async function authDisable(context: CtlContext): Promise<number> {
  refuseArguments(context, "auth disable");
  const client = await context.client();
  await client.call(Auth.method.authDisable, {});
  context.output.lines(["Authentication Disabled"]);
  return ctlExit.ok;
}

/** `auth status`. */
export async function authStatus(context: CtlContext): Promise<number> {
  refuseArguments(context, "auth status");
  const client = await context.client();
  const answer = await client.call(Auth.method.authStatus, {});
  context.output.message(AuthStatusResponseSchema, answer, {
    simple: () => [`Authentication Status: ${answer.enabled}`, `AuthRevision: ${answer.authRevision}`],
  });
  return ctlExit.ok;
}

function refuseArguments({ args }: CtlContext, name: string): void {
  if (args.length > 0) {
    throw badArguments(`${name} command does not accept any arguments`);
  }
}
