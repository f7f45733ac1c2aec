/** What tests need to run real server processes. */

export { freePorts } from "@quorate/raft-node/testing";
export {
  type ClusterOptions,
  createProcessCluster,
  type ProcessCluster,
  type ProcessMember,
} from "./process-cluster.ts";
export { TestAuthority, type TestCertificate, type TestCertificateOptions } from "./test-authority.ts";
export { eventually } from "./wait.ts";
