/**
 * Where clients are served: gRPC with HTTP on the same ports, HTTP on ports of its own when the flags ask for that, and the pages
 * of operators on more.
 */
import { methodKinds } from "@quorate/etcd";
import {
  createGrpcServer,
  type GrpcServer,
  type ListenTls,
  type Method,
  type ServerEvent,
  type ServerLimits,
  serverLimitsDefault,
} from "@quorate/grpc";
import type { ServerConfig } from "../config/server-config.ts";
import type { ServerUrl } from "../config/server-url.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { textAnswer } from "../http/http-answer.ts";
import type { Router } from "../http/router.ts";
import { serveExchanges } from "../http/serve-exchange.ts";
import type { Logger } from "../logging/logger.ts";
import { PacedWarnings } from "../logging/paced-warnings.ts";
import type { Metrics } from "../metrics/metrics.ts";
import { reflectionMethods } from "../reflection/reflection.ts";
import { affordableConnections } from "./descriptor-limit.ts";
import type { Fatal } from "./fatal.ts";
import { listenFailure } from "./listen-failure.ts";

/** What is served. */
interface ClientPortsOptions {
  readonly config: ServerConfig;
  readonly methods: ReadonlyMap<string, Method>;
  readonly router: Router;
  /** Whether users are known by the common names of their certificates now. */
  readonly certificatesAreIdentities: () => boolean;
  /** For URLs with `https`; null where there is none. */
  readonly tls: ListenTls | null;
  readonly metrics: Metrics;
  readonly logger: Logger;
  readonly fatal: Fatal;
}

/** The listeners. */
export interface ClientPorts {
  /** Listens everywhere; should one address fail, all are closed. @throws CommandError naming the flag. */
  listen(): Promise<void>;
  /** Says goodbye to clients; calls may go on for `graceMs`. */
  close(graceMs: number): Promise<void>;
}

// ETCD: messages may be larger than requests by this, so that the refusal can name the limit.
const messageOverheadBytes = 512 * 1024;
// What a timer can wait at most: 24 days, which stands for never.
const timerMsMax = 2 ** 31 - 1;
/** ETCD: what a duration of 0 stands for. */
const slowCallMsDefault = 300;

/** A group of listeners with the server behind them. */
interface Port {
  readonly flag: string;
  readonly urls: readonly ServerUrl[];
  readonly server: GrpcServer;
}

/** Makes the servers; nothing listens yet. */
export function createClientPorts(options: ClientPortsOptions): ClientPorts {
  const ports = portsOf(options);
  return {
    async listen() {
      for (const { flag, server, urls } of ports) {
        for (const url of urls) {
          try {
            await listenAt(server, url, options);
          } catch (error) {
            await closeAll(ports, 0);
            throw listenFailure(flag, url.text, error);
          }
        }
      }
    },
    close: (graceMs) => closeAll(ports, graceMs),
  };
}

async function listenAt(
  server: GrpcServer,
  { host, port, scheme }: ServerUrl,
  { config, tls }: ClientPortsOptions,
): Promise<void> {
  if (scheme === "unix") {
    await server.listenAtFile(host);
  } else {
    const secure = tls === null || scheme === "http" ? {} : { tls };
    await server.listen({ host, port }, { reusePort: config.socketReusePort, ...secure });
  }
}

async function closeAll(ports: readonly Port[], graceMs: number): Promise<void> {
  await Promise.all(ports.map(({ server }) => server.close({ graceMs })));
}

function portsOf(options: ClientPortsOptions): readonly Port[] {
  const { config, methods, router } = options;
  const limits = grpcLimits(config);
  const shared = { limits, onEvent: observer(options), http2: config.grpcImplementation };
  const onHttp = serveExchanges(router, {
    access: config,
    gateway: config.enableGrpcGateway ? gatewayOf(options, limits) : null,
    certificatesAreIdentities: options.certificatesAreIdentities,
  });
  const isApart = config.listenClientHttpUrls.length > 0;
  const grpc = createGrpcServer({ ...shared, ...(isApart ? {} : { onHttp }) });
  for (const [path, method] of [...methods, ...reflectionMethods()]) {
    grpc.register(path, method);
  }
  const ports: Port[] = [{ flag: "--listen-client-urls", urls: config.listenClientUrls, server: grpc }];
  if (isApart) {
    const server = createGrpcServer({ ...shared, onHttp });
    ports.push({ flag: "--listen-client-http-urls", urls: config.listenClientHttpUrls, server });
  }
  if (config.listenMetricsUrls.length > 0) {
    const server = createGrpcServer({ ...shared, onHttp: serveExchanges(operatorPages(router)) });
    ports.push({ flag: "--listen-metrics-urls", urls: config.listenMetricsUrls, server });
  }
  return ports;
}

/** PERF: loaded with the first request to it: its tables of all messages take 3 MB. Until then the body waits with the socket. */
function gatewayOf({ fatal, methods, metrics }: ClientPortsOptions, limits: PortLimits): Gateway {
  let gateway: Promise<Gateway> | null = null;
  const load = async (): Promise<Gateway> => {
    const { createGateway } = await import("../gateway/gateway.ts");
    return createGateway({
      methods,
      messageBytesMax: limits.messageBytesMax,
      // ETCD: the gateway's calls count as those of any client.
      onCallEnded: (method, code) => metrics.grpcHandled(method, code),
    });
  };
  return (exchange, path) => {
    gateway ??= load();
    gateway.then((serve) => serve(exchange, path)).catch(fatal);
  };
}

/** ETCD: on a port for metrics there are these pages and no others. */
function operatorPages(router: Router): Router {
  return (question, completed) => {
    if (/^\/(metrics|health|(livez|readyz)(\/.*)?)$/.test(question.path)) {
      router(question, completed);
    } else {
      completed(textAnswer(404, "404 page not found\n"));
    }
  };
}

type PortLimits = Partial<ServerLimits> & Pick<ServerLimits, "messageBytesMax">;

function grpcLimits(config: ServerConfig): PortLimits {
  const { grpcKeepaliveIntervalMs: intervalMs, grpcKeepaliveTimeoutMs: timeoutMs } = config;
  return {
    messageBytesMax: config.maxRequestBytes + messageOverheadBytes,
    connectionsMax: affordableConnections(serverLimitsDefault.connectionsMax),
    concurrentStreamsMax: config.maxConcurrentStreams,
    keepaliveIntervalMs: intervalMs === 0 || timeoutMs === 0 ? timerMsMax : Math.min(intervalMs, timerMsMax),
    keepaliveTimeoutMs: timeoutMs === 0 ? timerMsMax : Math.min(timeoutMs, timerMsMax),
  };
}

function observer(
  options: Pick<ClientPortsOptions, "config" | "fatal" | "logger" | "metrics">,
): (event: ServerEvent) => void {
  const { fatal, logger, metrics } = options;
  const paced = new PacedWarnings(logger);
  const slowCallMs = options.config.warningUnaryRequestDurationMs || slowCallMsDefault;
  return (event) => {
    switch (event.kind) {
      case "handler-error":
        // A handler that throws has left state nobody can vouch for.
        fatal(event.error);
        break;
      case "call-ended":
        metrics.grpcHandled(event.path, event.code);
        if (event.durationMs > slowCallMs && methodKinds.get(event.path) === "unary") {
          paced.warn("request stats", {
            "response type": event.path,
            "time spent": `${event.durationMs.toFixed(3)}ms`,
            code: event.code,
          });
        }
        break;
      case "connection-refused":
        paced.warn("client refused", { "remote-addr": event.peer, reason: event.reason });
        break;
      case "connection-error":
        logger.debug("client connection failed", { "remote-addr": event.peer, error: event.error.message });
        break;
      case "connection-opened":
      case "connection-closed":
        break;
    }
  };
}
