/** Commands on authentication, users and roles. */
import type { CtlCommand } from "../command-tree.ts";
import type { CtlFlag } from "../flags.ts";

const interactive: CtlFlag = {
  name: "interactive",
  kind: "bool",
  preset: "true",
  help: "Ask for the password twice at the terminal; false: read one line of standard input.",
};
const permissionFlags: readonly CtlFlag[] = [
  { name: "prefix", kind: "bool", help: "All keys that begin with the given one." },
  { name: "from-key", kind: "bool", help: "All keys from the given one on, by bytes." },
];

/** auth …, user …, role …. */
export const authCommands: readonly CtlCommand[] = [
  {
    words: ["auth", "enable"],
    usage: "",
    summary: "Turn authentication on. A user root with the role root must exist.",
    run: async (context) => (await import("../work/auth.ts")).authEnable(context),
  },
  {
    words: ["auth", "disable"],
    usage: "",
    summary: "Turn authentication off.",
    run: async (context) => (await import("../work/auth.ts")).authDisable(context),
  },
  {
    words: ["auth", "status"],
    usage: "",
    summary: "Print whether authentication is on.",
    run: async (context) => (await import("../work/auth.ts")).authStatus(context),
  },
  {
    words: ["user", "add"],
    usage: "<user name or user:password> [options]",
    summary: "Add a user.",
    examples: ["user add alice", "user add alice:secret", "user add machine --no-password"],
    flags: [
      interactive,
      { name: "new-user-password", kind: "string", help: "The password." },
      { name: "no-password", kind: "bool", help: "A user that only a certificate names." },
    ],
    run: async (context) => (await import("../work/user.ts")).userAdd(context),
  },
  {
    words: ["user", "delete"],
    usage: "<user name>",
    summary: "Remove a user.",
    run: async (context) => (await import("../work/user.ts")).userDelete(context),
  },
  {
    words: ["user", "get"],
    usage: "<user name> [options]",
    summary: "Print the roles of a user.",
    flags: [{ name: "detail", kind: "bool", help: "With the permissions of each role." }],
    run: async (context) => (await import("../work/user.ts")).userGet(context),
  },
  {
    words: ["user", "list"],
    usage: "",
    summary: "Print all users.",
    run: async (context) => (await import("../work/user.ts")).userList(context),
  },
  {
    words: ["user", "passwd"],
    usage: "<user name> [options]",
    summary: "Change a password.",
    flags: [interactive],
    run: async (context) => (await import("../work/user.ts")).userPasswd(context),
  },
  {
    words: ["user", "grant-role"],
    usage: "<user name> <role name>",
    summary: "Give a user a role.",
    run: async (context) => (await import("../work/user.ts")).userGrantRole(context),
  },
  {
    words: ["user", "revoke-role"],
    usage: "<user name> <role name>",
    summary: "Take a role from a user.",
    run: async (context) => (await import("../work/user.ts")).userRevokeRole(context),
  },
  {
    words: ["role", "add"],
    usage: "<role name>",
    summary: "Add a role.",
    run: async (context) => (await import("../work/role.ts")).roleAdd(context),
  },
  {
    words: ["role", "delete"],
    usage: "<role name>",
    summary: "Remove a role.",
    run: async (context) => (await import("../work/role.ts")).roleDelete(context),
  },
  {
    words: ["role", "get"],
    usage: "<role name>",
    summary: "Print the permissions of a role.",
    run: async (context) => (await import("../work/role.ts")).roleGet(context),
  },
  {
    words: ["role", "list"],
    usage: "",
    summary: "Print all roles.",
    run: async (context) => (await import("../work/role.ts")).roleList(context),
  },
  {
    words: ["role", "grant-permission"],
    usage: "[options] <role name> <permission type> <key> [endkey]",
    summary: "Let a role read, write, or both (readwrite).",
    examples: ["role grant-permission ops readwrite --prefix app/", "role grant-permission ops read a b"],
    flags: permissionFlags,
    run: async (context) => (await import("../work/role.ts")).roleGrantPermission(context),
  },
  {
    words: ["role", "revoke-permission"],
    usage: "<role name> <key> [endkey]",
    summary: "Take a permission back, exactly as it was given.",
    flags: permissionFlags,
    run: async (context) => (await import("../work/role.ts")).roleRevokePermission(context),
  },
];
