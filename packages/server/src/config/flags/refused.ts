/** Flags of etcd that would be missed if they were ignored: a member that is given one does not start, and says why. */
import type { OtherFlag } from "./other-flag.ts";

const noDiscovery = "no discovery service is asked; name all members in --initial-cluster";

/** The rows. */
export const refusedFlags: readonly OtherFlag[] = [
  {
    name: "wal-dir",
    type: "text",
    etcdDefault: "",
    why: "the log cannot lie apart from the rest; put --data-dir on the fast disk, everything in it together is small",
  },
  {
    name: "force-new-cluster",
    type: "switch",
    etcdDefault: "false",
    why: "a start that throws the other members out is too easily repeated; stop this member, run `quorate recover --data-dir DIR`, and start it without the flag",
  },
  { name: "discovery", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-endpoints", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-token", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-srv", type: "text", etcdDefault: "", why: noDiscovery },
  { name: "discovery-srv-name", type: "text", etcdDefault: "", why: noDiscovery },
  {
    name: "discovery-fallback",
    type: "text",
    etcdDefault: "exit",
    why: "there is no proxy to fall back to; etcd refuses it, too",
  },
  {
    name: "enable-log-rotation",
    type: "switch",
    etcdDefault: "false",
    why: "files of the log are not rotated; let logrotate do so, with copytruncate",
  },
  {
    name: "enable-distributed-tracing",
    type: "switch",
    etcdDefault: "false",
    why: "no traces are sent to a collector; --trace writes the steps of the protocol to a file",
  },
];
