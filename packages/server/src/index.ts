/** The public list of `quorate`. */
export { ConfigError, type ConfigProblem } from "./config/config-error.ts";
export { type ConfigInput, type ResolvedConfig, resolveConfig } from "./config/resolve.ts";
export type { FlagValues, InitialMember, LogLevel, ServerConfig } from "./config/server-config.ts";
export type { ServerUrl } from "./config/server-url.ts";
