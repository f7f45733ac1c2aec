/** `user …`. */
import {
  Auth,
  AuthUserAddResponseSchema,
  AuthUserChangePasswordResponseSchema,
  AuthUserDeleteResponseSchema,
  AuthUserGetResponseSchema,
  AuthUserGrantRoleResponseSchema,
  AuthUserListResponseSchema,
  AuthUserRevokeRoleResponseSchema,
} from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";
import { askSecret, LineReader } from "../terminal.ts";
import { printRole } from "./role.ts";

/** `user add`. */
export async function userAdd(context: CtlContext): Promise<number> {
  const { flags, output } = context;
  const text = oneName(context, "user add");
  const colon = text.indexOf(":");
  const noPassword = flags.bool("no-password");
  const given = flags.text("new-user-password");
  const name = colon < 0 || noPassword || given !== "" ? text : text.slice(0, colon);
  if (name === "") {
    throw badArguments("empty user name is not allowed");
  }
  const password = noPassword
    ? ""
    : given !== ""
      ? given
      : colon < 0
        ? await newPassword(context, name)
        : text.slice(colon + 1);
  const client = await context.client();
  const answer = await client.call(Auth.method.userAdd, { name, password, options: { noPassword } });
  output.message(AuthUserAddResponseSchema, answer, {
    simple: () => [`User ${name} created`],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

/** `user passwd`. */
export async function userPasswd(context: CtlContext): Promise<number> {
  const { output } = context;
  const name = oneName(context, "user passwd");
  const password = await newPassword(context, name);
  const client = await context.client();
  const answer = await client.call(Auth.method.userChangePassword, { name, password });
  output.message(AuthUserChangePasswordResponseSchema, answer, {
    simple: () => ["Password updated"],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

/** ETCD: twice at the terminal, or one line of standard input. */
async function newPassword({ flags }: CtlContext, name: string): Promise<string> {
  if (!flags.bool("interactive") || process.stdin.isTTY !== true) {
    const lines = new LineReader();
    const line = await lines.next();
    lines.close();
    if (line === null) {
      throw badArguments("failed to read a password: standard input is empty");
    }
    return line;
  }
  const first = await askSecret(`Password of ${name}: `);
  const second = await askSecret(`Type password of ${name} again for confirmation: `);
  if (first !== second) {
    throw badArguments("given passwords are different");
  }
  return first;
}

/** `user delete`. */
export async function userDelete(context: CtlContext): Promise<number> {
  const { output } = context;
  const name = oneName(context, "user delete");
  const client = await context.client();
  const answer = await client.call(Auth.method.userDelete, { name });
  output.message(AuthUserDeleteResponseSchema, answer, {
    simple: () => [`User ${name} deleted`],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

/** `user get`. ETCD: with --detail the name comes first in every format, then one role after the other. */
export async function userGet(context: CtlContext): Promise<number> {
  const { flags, output } = context;
  const name = oneName(context, "user get");
  const client = await context.client();
  const answer = await client.call(Auth.method.userGet, { name });
  if (!flags.bool("detail")) {
    output.message(AuthUserGetResponseSchema, answer, {
      simple: () => [`User: ${name}`, `Roles:${answer.roles.map((role) => ` ${role}`).join("")}`],
    });
    return ctlExit.ok;
  }
  output.lines([`User: ${name}`]);
  for (const role of answer.roles) {
    output.lines([""]);
    printRole(context, role, await client.call(Auth.method.roleGet, { role }));
  }
  return ctlExit.ok;
}

/** `user list`. */
export async function userList(context: CtlContext): Promise<number> {
  if (context.args.length > 0) {
    throw badArguments("user list command requires no arguments");
  }
  const client = await context.client();
  const answer = await client.call(Auth.method.userList, {});
  context.output.message(AuthUserListResponseSchema, answer, { simple: () => answer.users });
  return ctlExit.ok;
}

/** `user grant-role`. */
export async function userGrantRole(context: CtlContext): Promise<number> {
  const { output } = context;
  const [user, role] = twoNames(context, "grant");
  const client = await context.client();
  const answer = await client.call(Auth.method.userGrantRole, { user, role });
  output.message(AuthUserGrantRoleResponseSchema, answer, {
    simple: () => [`Role ${role} is granted to user ${user}`],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

/** `user revoke-role`. */
export async function userRevokeRole(context: CtlContext): Promise<number> {
  const { output } = context;
  const [name, role] = twoNames(context, "revoke-role");
  const client = await context.client();
  const answer = await client.call(Auth.method.userRevokeRole, { name, role });
  output.message(AuthUserRevokeRoleResponseSchema, answer, {
    simple: () => [`Role ${role} is revoked from user ${name}`],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

function oneName({ args }: CtlContext, command: string): string {
  const [name] = args;
  if (name === undefined || args.length !== 1) {
    throw badArguments(`${command} command requires user name as its argument`);
  }
  return name;
}

function twoNames({ args }: CtlContext, command: string): readonly [string, string] {
  const [user, role] = args;
  if (user === undefined || role === undefined || args.length !== 2) {
    throw badArguments(`user ${command} command requires user name and role name as its argument`);
  }
  return [user, role];
}
