/** Access control: what proves who a client is. */
import { type AuthTokenSetting, authTokenKind } from "../../auth/auth-token.ts";
import type { FlagRows } from "../flag-row.ts";
import { integerKind } from "../value-kind.ts";

/** The settings of this group. */
export interface AuthValues {
  readonly authToken: AuthTokenSetting;
  readonly authTokenTtlSeconds: number;
  readonly bcryptCost: number;
}

/** Its rows. */
export const authFlags: FlagRows<AuthValues> = {
  authToken: {
    name: "auth-token",
    group: "Security",
    kind: authTokenKind,
    defaultValue: { kind: "simple" },
    etcdDefault: "simple",
    isEtcds: true,
    help: "What clients are given that have proven who they are. simple: random, known to every member. jwt,sign-method=RS256,pub-key=FILE,priv-key=FILE,ttl=5m: signed; sign-method may be HS, RS, PS, ES with 256, 384 or 512, or EdDSA.",
  },
  authTokenTtlSeconds: {
    name: "auth-token-ttl",
    group: "Security",
    kind: integerKind("seconds", 1, 365 * 24 * 3600),
    defaultValue: 300,
    etcdDefault: "300",
    isEtcds: true,
    help: "Seconds after which a simple token ends that was not used.",
  },
  bcryptCost: {
    name: "bcrypt-cost",
    group: "Security",
    kind: integerKind("cost", 4, 31),
    defaultValue: 10,
    etcdDefault: "10",
    isEtcds: true,
    help: "How much work a password's hash takes; each step doubles it. Passwords that are stored keep theirs.",
  },
};
