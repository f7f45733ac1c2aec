/** What proves who a client is, made of the flags: passwords, tokens, and what operators hear of it. */
import type { ApiOptions } from "@quorate/etcd";
import type { ServerConfig } from "../config/server-config.ts";
import type { Logger } from "../logging/logger.ts";
import { createPasswords } from "./passwords.ts";

/** The ports of the API, and their end. */
export interface Access {
  readonly ports: Pick<ApiOptions, "passwords" | "signedTokens" | "onAuthEvent">;
  stop(): Promise<void>;
}

/** Makes the ports. @throws CommandError when a key of --auth-token cannot be used. */
export async function createAccess(
  config: Pick<ServerConfig, "authToken" | "bcryptCost">,
  logger: Pick<Logger, "warn">,
  fatal: (error: unknown) => void,
): Promise<Access> {
  const { authToken, bcryptCost } = config;
  // PERF: loaded where tokens are signed: 46 modules.
  const signedTokens =
    authToken.kind === "jwt"
      ? (await import("./signed-tokens.ts")).createSignedTokens(authToken, fatal)
      : undefined;
  if (signedTokens === undefined) {
    logger.warn("simple token is not cryptographically signed");
  }
  const passwords = createPasswords(bcryptCost, fatal);
  return {
    ports: {
      passwords,
      ...(signedTokens === undefined ? {} : { signedTokens }),
      onAuthEvent: ({ user }) => logger.warn("invalid authentication was requested", { user }),
    },
    stop: () => passwords.stop(),
  };
}
