/** A cluster in one process, for tests of what runs on Raft. */
export { CrashableFileSystem } from "./crashable-file-system.ts";
export { freePorts } from "./free-ports.ts";
export { type JsonMachineFixture, jsonMachineSuite } from "./json-machine-suite.ts";
export { type FarEnd, LinkProxy } from "./link-proxy.ts";
export {
  createTestCluster,
  TestCluster,
  type TestClusterOptions,
  type TestMember,
} from "./test-cluster.ts";
