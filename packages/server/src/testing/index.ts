/** What tests need to run real server processes. */
export {
  type ClusterOptions,
  createProcessCluster,
  type ProcessCluster,
  type ProcessMember,
} from "./process-cluster.ts";
export { eventually, freePorts } from "./wait.ts";
