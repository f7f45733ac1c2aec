/** `quorate serve` from the command line to the exit code. */
import { CommandError, exitCode } from "../cli/exit-code.ts";
import { etcdVersion, packageVersion } from "../cli/version.ts";
import { ConfigError } from "../config/config-error.ts";
import { type ConfigInput, type ResolvedConfig, resolveConfig } from "../config/resolve.ts";
import type { ServerConfig } from "../config/server-config.ts";
import { isLoopback } from "../config/server-url.ts";
import { DataDirectoryError } from "../identity/data-directory.ts";
import { type Established, establishIdentity } from "../identity/establish.ts";
import { askCluster, asksToJoin } from "../identity/join-cluster.ts";
import { idText } from "../identity/member-id.ts";
import { createLogger, type Logger } from "../logging/logger.ts";
import { orFailure } from "../tls/failure.ts";
import { peerTls } from "../tls/peer-tls.ts";
import { installFatal } from "./fatal.ts";
import type { ServerOptions } from "./server.ts";
import { listenForStop } from "./signals.ts";

/** The command line, and what tests put under the log. */
export interface ServeInput extends ConfigInput, Pick<ServerOptions, "wrapFileSystem"> {}

/** Runs one member until it is asked to stop. @throws {@link CommandError} when it cannot start. */
export async function runServe(input: ServeInput): Promise<number> {
  const stop = listenForStop();
  try {
    await serveUntil(stop.asked, input);
    return exitCode.ok;
  } finally {
    stop.release();
  }
}

async function serveUntil(asked: Promise<string>, input: ServeInput): Promise<void> {
  const { config, warnings } = configure(input);
  const logger = openLog(config);
  const fatal = installFatal(logger);
  const { identity, created, joins, warnings: contradictions } = await establish(config, logger);
  logger.info("starting", {
    version: packageVersion(),
    "etcd-version": etcdVersion,
    name: config.name,
    "data-dir": config.dataDir,
    "local-member-id": idText(identity.memberId),
    "cluster-id": idText(identity.clusterId),
    "first-start": created,
  });
  for (const warning of [...warnings, ...contradictions, ...insecurePeers(config)]) {
    logger.warn(warning);
  }
  const { wrapFileSystem } = input;
  // Loaded when everything said on the command line is right: a mistake is told at once.
  const { startServer } = await import("./server.ts");
  const server = await startServer({
    config,
    identity,
    created,
    joins,
    logger,
    fatal,
    ...(wrapFileSystem === undefined ? {} : { wrapFileSystem }),
  });
  void server.ready.then(() => logger.info("ready to serve client requests"));
  logger.info("stopping", { reason: await Promise.race([asked, server.removed]) });
  await server.stop();
  logger.info("stopped");
}

function configure(input: ConfigInput): ResolvedConfig {
  try {
    return resolveConfig(input);
  } catch (error) {
    if (error instanceof ConfigError) {
      throw new CommandError(error.message, exitCode.usage, { cause: error });
    }
    throw error;
  }
}

function openLog(config: ServerConfig): Logger {
  try {
    return createLogger({ level: config.logLevel, format: config.logFormat, outputs: config.logOutputs });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new CommandError(`--log-outputs: a file cannot be opened: ${why}`, exitCode.failure, {
      cause: error,
    });
  }
}

async function establish(config: ServerConfig, logger: Logger): Promise<Established> {
  try {
    if (!asksToJoin(config)) {
      return establishIdentity(config, null);
    }
    const tls = orFailure(() => peerTls(config, logger, () => []));
    return establishIdentity(config, await askCluster(config, tls?.dial() ?? null));
  } catch (error) {
    if (error instanceof DataDirectoryError) {
      throw new CommandError(error.message, exitCode.failure, { cause: error });
    }
    throw error;
  }
}

/** Whoever reaches a peer port without TLS can join the conversation of the members. */
function insecurePeers(config: ServerConfig): string[] {
  return config.listenPeerUrls
    .filter((url) => url.scheme === "http" && !isLoopback(url.host))
    .map((url) => `peers talk in the clear on ${url.text}: keep that network closed to others`);
}
