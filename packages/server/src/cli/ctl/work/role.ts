/** `role …`. */
import { equalBytes, utf8Encode } from "@quorate/base";
import {
  Auth,
  AuthRoleAddResponseSchema,
  AuthRoleDeleteResponseSchema,
  type AuthRoleGetResponse,
  AuthRoleGetResponseSchema,
  AuthRoleGrantPermissionResponseSchema,
  AuthRoleListResponseSchema,
  AuthRoleRevokePermissionResponseSchema,
  Permission_Type as PermissionType,
} from "@quorate/etcd/messages";
import type { CtlContext } from "../command-tree.ts";
import { badArguments, ctlExit } from "../ctl-error.ts";
import type { FlagValues } from "../flags.ts";
import { quote } from "../go-text.ts";
import { everyEnd, type KeyRange, keyRange, prefixEndOf } from "../key-range.ts";
import type { Line } from "../output.ts";

/** `role add`. */
export async function roleAdd(context: CtlContext): Promise<number> {
  const { output } = context;
  const name = oneRole(context, "role add");
  const client = await context.client();
  const answer = await client.call(Auth.method.roleAdd, { name });
  output.message(AuthRoleAddResponseSchema, answer, {
    simple: () => [`Role ${name} created`],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

/** `role delete`. */
export async function roleDelete(context: CtlContext): Promise<number> {
  const { output } = context;
  const role = oneRole(context, "role delete");
  const client = await context.client();
  const answer = await client.call(Auth.method.roleDelete, { role });
  output.message(AuthRoleDeleteResponseSchema, answer, {
    simple: () => [`Role ${role} deleted`],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

/** `role get`. */
export async function roleGet(context: CtlContext): Promise<number> {
  const role = oneRole(context, "role get");
  const client = await context.client();
  printRole(context, role, await client.call(Auth.method.roleGet, { role }));
  return ctlExit.ok;
}

/** A role with its permissions. */
export function printRole({ output }: CtlContext, role: string, answer: AuthRoleGetResponse): void {
  const named = (types: readonly PermissionType[]): Line[] =>
    answer.perm
      .filter(({ permType }) => types.includes(permType))
      .map(({ key, rangeEnd }) => ["\t", ...rangeText(key, rangeEnd)]);
  output.message(AuthRoleGetResponseSchema, answer, {
    simple: () => [
      `Role ${role}`,
      "KV Read:",
      ...named([PermissionType.READ, PermissionType.READWRITE]),
      "KV Write:",
      ...named([PermissionType.WRITE, PermissionType.READWRITE]),
    ],
    fields: () => [
      ...output.header(answer.header),
      ...answer.perm.flatMap(({ key, permType, rangeEnd }) => [
        `"PermType" :  ${PermissionType[permType]}`,
        `"Key" : ${quote(key)}`,
        `"RangeEnd" : ${quote(rangeEnd)}`,
      ]),
    ],
  });
}

/** A key, or a range in brackets. */
function rangeText(key: Uint8Array, rangeEnd: Uint8Array): (string | Uint8Array)[] {
  if (rangeEnd.length === 0) {
    return [key];
  }
  if (equalBytes(rangeEnd, everyEnd)) {
    return ["[", key, ", <open ended>"];
  }
  const prefix = equalBytes(rangeEnd, prefixEndOf(key)) ? [" (prefix ", key, ")"] : [];
  return ["[", key, ", ", rangeEnd, ")", ...prefix];
}

/** `role list`. */
export async function roleList(context: CtlContext): Promise<number> {
  const { args, output } = context;
  if (args.length > 0) {
    throw badArguments("role list command requires no arguments");
  }
  const client = await context.client();
  const answer = await client.call(Auth.method.roleList, {});
  output.message(AuthRoleListResponseSchema, answer, {
    simple: () => answer.roles,
    fields: () => [
      ...output.header(answer.header),
      `"Roles" :${answer.roles.map((role) => ` ${quote(role)}`).join("")}`,
    ],
  });
  return ctlExit.ok;
}

const permissionTypes: Readonly<Record<string, PermissionType>> = {
  read: PermissionType.READ,
  write: PermissionType.WRITE,
  readwrite: PermissionType.READWRITE,
};

/** `role grant-permission`. */
export async function roleGrantPermission(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const [name, kind, key, end] = args;
  if (name === undefined || kind === undefined || key === undefined) {
    throw badArguments(
      "role grant command requires role name, permission type, and key [endkey] as its argument",
    );
  }
  const permType = permissionTypes[kind.toLowerCase()];
  if (permType === undefined) {
    throw badArguments(`invalid permission type: ${kind}`);
  }
  const perm = { permType, ...permissionRange(key, end, flags) };
  const client = await context.client();
  const answer = await client.call(Auth.method.roleGrantPermission, { name, perm });
  output.message(AuthRoleGrantPermissionResponseSchema, answer, {
    simple: () => [`Role ${name} updated`],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

/** `role revoke-permission`. */
export async function roleRevokePermission(context: CtlContext): Promise<number> {
  const { args, flags, output } = context;
  const [role, text, end] = args;
  if (role === undefined || text === undefined) {
    throw badArguments("role revoke-permission command requires role name and key [endkey] as its argument");
  }
  const { key, rangeEnd } = permissionRange(text, end, flags);
  const client = await context.client();
  const answer = await client.call(Auth.method.roleRevokePermission, { role, key, rangeEnd });
  output.message(AuthRoleRevokePermissionResponseSchema, answer, {
    simple: () => [revokedText(role, key, rangeEnd)],
    fields: () => output.header(answer.header),
  });
  return ctlExit.ok;
}

function revokedText(role: string, key: Uint8Array, rangeEnd: Uint8Array): Line {
  if (rangeEnd.length === 0) {
    return ["Permission of key ", key, ` is revoked from role ${role}`];
  }
  const end = equalBytes(rangeEnd, everyEnd) ? ["<open ended>"] : [rangeEnd, ")"];
  return ["Permission of range [", key, ", ", ...end, ` is revoked from role ${role}`];
}

function permissionRange(key: string, end: string | undefined, flags: FlagValues): KeyRange {
  const [prefix, fromKey] = [flags.bool("prefix"), flags.bool("from-key")];
  if (end !== undefined && (prefix || fromKey)) {
    throw badArguments("unexpected endkey argument with --prefix or --from-key flag");
  }
  if (prefix && fromKey) {
    throw badArguments("--from-key and --prefix flags are mutually exclusive");
  }
  // A single key is named as it is, also the empty one, which the server refuses.
  return prefix || fromKey || end !== undefined
    ? keyRange(key, end, prefix, fromKey)
    : { key: utf8Encode(key), rangeEnd: new Uint8Array(0) };
}

function oneRole({ args }: CtlContext, command: string): string {
  const [name] = args;
  if (name === undefined || args.length !== 1) {
    throw badArguments(`${command} command requires role name as its argument`);
  }
  return name;
}
