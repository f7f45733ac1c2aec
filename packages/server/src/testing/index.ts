/** What tests need to run real server processes. */

export { freePorts } from "@quorate/raft-node/testing";
export {
  type ClusterOptions,
  createProcessCluster,
  type ProcessCluster,
  type ProcessMember,
} from "./process-cluster.ts";
export { eventually } from "./wait.ts";
