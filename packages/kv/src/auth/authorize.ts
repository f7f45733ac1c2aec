/**
 * The one place where a committed command is allowed or refused, for whoever it stands: on every member, at the same place of
 * the log, with the rights of that place. A new type of command does not compile until it has a line here.
 */
import { unreachable } from "@quorate/base";
import type { KvErrorCode } from "../errors.ts";
import type { Command } from "../types.ts";
import type { AuthTable, LeaseKeys } from "./auth-table.ts";
import type { Principal } from "./auth-types.ts";

/** Why `command` is refused to `principal`; null when it is not. */
export function refuseByAuth(
  auth: AuthTable,
  principal: Principal | null,
  command: Command,
  keysOf: LeaseKeys,
): KvErrorCode | null {
  if (!auth.enabled) {
    return null;
  }
  switch (command.type) {
    case "put":
    case "delete-range":
    case "txn":
      return auth.refuseOp(principal, command, keysOf);
    case "lease-grant":
      return auth.refuseStranger(principal);
    case "lease-revoke":
      // An expiry is the leader's: no client's command carries a fence.
      return command.fenceTerm !== 0
        ? null
        : (auth.refuseStranger(principal) ?? auth.refuseLease(principal, "write", command.id, keysOf));
    case "compaction":
    case "alarm":
    case "downgrade":
      return auth.refuseAdmin(principal);
    case "auth":
      // Whoever authenticates has proven itself by a password.
      return command.op === "authenticate" ? null : auth.refuseAdmin(principal);
    case "member-publish":
    case "lease-checkpoint":
      // Only members make these.
      return null;
    default:
      return unreachable(command);
  }
}
