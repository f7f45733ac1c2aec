/** What is told to those who watch the member. */
import type { FlagRows } from "../flag-row.ts";
import type { ServerUrl } from "../server-url.ts";
import { optionalUrlsKind } from "../value-kind.ts";

/** The settings of this group. */
export interface MonitoringValues {
  /** More addresses for `/metrics` and the health pages. */
  readonly listenMetricsUrls: readonly ServerUrl[];
}

/** Its rows. */
export const monitoringFlags: FlagRows<MonitoringValues> = {
  listenMetricsUrls: {
    name: "listen-metrics-urls",
    group: "Monitoring",
    kind: optionalUrlsKind,
    defaultValue: [],
    etcdDefault: "",
    isEtcds: true,
    help: "More addresses for /metrics, /health, /livez and /readyz, over HTTP.",
  },
};
