/** A cluster in one process, for tests of what runs on Raft. */
export {
  createTestCluster,
  TestCluster,
  type TestClusterOptions,
  type TestMember,
} from "./test-cluster.ts";
