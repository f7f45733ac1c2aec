/** What tests need: a cluster in the process of the test, or real server processes. */

export { freePorts } from "@quorate/raft-node/testing";
export {
  type ClusterOptions,
  createProcessCluster,
  type ProcessCluster,
  type ProcessMember,
} from "./process-cluster.ts";
export { TestAuthority, type TestCertificate, type TestCertificateOptions } from "./test-authority.ts";
export { createTestEtcd, TestEtcd, TestEtcdMember, type TestEtcdOptions } from "./test-etcd.ts";
export { eventually } from "./wait.ts";
