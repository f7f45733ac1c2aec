/** Flags of etcd that are taken, and noted in the log: nothing here could be changed by them, or nothing worse comes of it. */
import type { OtherFlag } from "./other-flag.ts";

const noBackend = "there is no database file: the keys are in memory, their log on the disk";
const noDiscovery = "it goes with a discovery service, which is not asked";
const noTracing = "it goes with --enable-distributed-tracing, which is refused";
const noSelfCalls = "the server calls itself without a connection, and so without a certificate";
const ignoredByEtcd = "etcd takes and ignores it, too";

/** The rows. */
export const flagsWithoutEffect: readonly OtherFlag[] = [
  {
    name: "initial-election-tick-advance",
    type: "switch",
    etcdDefault: "true",
    why: "a member that starts waits as long for a leader as any other",
  },
  {
    name: "max-snapshots",
    type: "text",
    etcdDefault: "5",
    why: "a snapshot is removed as soon as a newer one takes its place",
  },
  {
    name: "max-wals",
    type: "text",
    etcdDefault: "5",
    why: "a file of the log is removed as soon as nothing in it is needed",
  },
  {
    name: "memory-mlock",
    type: "switch",
    etcdDefault: "false",
    why: "memory cannot be locked from here; switch swap off instead",
  },
  { name: "backend-bbolt-freelist-type", type: "text", etcdDefault: "map", why: noBackend },
  { name: "backend-batch-interval", type: "time", etcdDefault: "0s", why: noBackend },
  { name: "backend-batch-limit", type: "text", etcdDefault: "0", why: noBackend },
  { name: "bootstrap-defrag-threshold-megabytes", type: "text", etcdDefault: "0", why: noBackend },
  {
    name: "socket-reuse-address",
    type: "switch",
    etcdDefault: "false",
    why: "every listener has SO_REUSEADDR in any case",
  },
  {
    name: "grpc-keepalive-min-time",
    type: "time",
    etcdDefault: "5s",
    why: "pings are counted: a client is sent away after 200 in a second, not for one that comes early",
  },
  {
    name: "raft-read-timeout",
    type: "time",
    etcdDefault: "5s",
    why: "connections between members give signs of life of their own and end without them",
  },
  {
    name: "raft-write-timeout",
    type: "time",
    etcdDefault: "5s",
    why: "connections between members give signs of life of their own and end without them",
  },
  {
    name: "warning-apply-duration",
    type: "time",
    etcdDefault: "100ms",
    why: "an entry is applied in memory, within microseconds; what takes long is the disk, which the metrics show",
  },
  {
    name: "unsafe-no-fsync",
    type: "switch",
    etcdDefault: "false",
    why: "what is acknowledged is synced to the disk, always",
  },
  {
    name: "v2-deprecation",
    type: "text",
    etcdDefault: "write-only",
    why: "there is no v2 store; etcd enforces its default, too",
  },
  {
    name: "enable-pprof",
    type: "switch",
    etcdDefault: "false",
    why: "there is no Go profile to show; QUORATE_NODE_FLAGS=--cpu-prof writes one of Node's",
  },
  {
    name: "metrics",
    type: "text",
    etcdDefault: "basic",
    why: "there is one level of detail",
  },
  {
    name: "log-rotation-config-json",
    type: "text",
    etcdDefault: '{"maxsize": 100, "maxage": 0, "maxbackups": 0, "localtime": false, "compress": false}',
    why: "it goes with --enable-log-rotation, which is refused",
  },
  { name: "client-cert-file", type: "text", etcdDefault: "", why: noSelfCalls },
  { name: "client-key-file", type: "text", etcdDefault: "", why: noSelfCalls },
  {
    name: "downgrade-check-time",
    type: "time",
    etcdDefault: "5s",
    why: "there is no older version to go back to",
  },
  { name: "distributed-tracing-address", type: "text", etcdDefault: "localhost:4317", why: noTracing },
  { name: "distributed-tracing-service-name", type: "text", etcdDefault: "etcd", why: noTracing },
  { name: "distributed-tracing-instance-id", type: "text", etcdDefault: "", why: noTracing },
  { name: "distributed-tracing-sampling-rate", type: "text", etcdDefault: "0", why: noTracing },
  { name: "discovery-dial-timeout", type: "time", etcdDefault: "2s", why: noDiscovery },
  { name: "discovery-request-timeout", type: "time", etcdDefault: "5s", why: noDiscovery },
  { name: "discovery-keepalive-time", type: "time", etcdDefault: "2s", why: noDiscovery },
  { name: "discovery-keepalive-timeout", type: "time", etcdDefault: "6s", why: noDiscovery },
  { name: "discovery-insecure-transport", type: "switch", etcdDefault: "true", why: noDiscovery },
  { name: "discovery-insecure-skip-tls-verify", type: "switch", etcdDefault: "false", why: noDiscovery },
  { name: "discovery-cert", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-key", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-cacert", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-user", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-password", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-proxy", type: "text", etcdDefault: "", why: noDiscovery },
  ...[
    "cluster-active-size",
    "cluster-remove-delay",
    "cluster-sync-interval",
    "config",
    "force",
    "max-result-buffer",
    "max-retry-attempts",
    "peer-heartbeat-interval",
    "peer-election-timeout",
    "retry-interval",
    "snapshot",
    "v",
    "vv",
    "test.coverprofile",
    "test.outputdir",
  ].map(
    (name): OtherFlag => ({
      name,
      type: ["force", "v", "vv", "snapshot"].includes(name) ? "switch" : "text",
      etcdDefault: "",
      why: ignoredByEtcd,
    }),
  ),
];
