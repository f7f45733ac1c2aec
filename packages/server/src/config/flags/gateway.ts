/** The HTTP side of the client ports: the JSON gateway, and which web pages and host names may use it. */
import type { Flag, FlagRows } from "../flag-row.ts";
import { booleanKind, optionalListKind } from "../value-kind.ts";

/** The settings of this group. */
export interface GatewayValues {
  readonly enableGrpcGateway: boolean;
  /** `*`: any. */
  readonly cors: readonly string[];
  /** `*`: any. */
  readonly hostWhitelist: readonly string[];
}

function anyFlag(name: string, help: string, differs?: string): Flag<readonly string[]> {
  return {
    name,
    group: "Security",
    kind: optionalListKind,
    defaultValue: ["*"],
    etcdDefault: "*",
    isEtcds: true,
    help,
    ...(differs === undefined ? {} : { differs }),
  };
}

/** Its rows. */
export const gatewayFlags: FlagRows<GatewayValues> = {
  enableGrpcGateway: {
    name: "enable-grpc-gateway",
    group: "Security",
    kind: booleanKind,
    defaultValue: true,
    etcdDefault: "true",
    isEtcds: true,
    help: "Serves the API as JSON over HTTP, below /v3/ of the client ports (docs/gateway.md).",
  },
  cors: anyFlag(
    "cors",
    "Origins of web pages that may read answers of the HTTP side, divided by commas. * or nothing: all.",
    "an origin may stand without a port, as browsers send it",
  ),
  hostWhitelist: anyFlag(
    "host-whitelist",
    "Host names by which the HTTP side may be called where it is not secured by TLS, divided by commas. * or nothing: all.",
  ),
};
