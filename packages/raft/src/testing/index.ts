/** Ports in memory and the contract suites, for tests of your own storages, transports and state machines. */
export { MemoryNetwork, MemoryTransport } from "./memory-network.ts";
export { MemoryStorage, type MemoryStorageOptions } from "./memory-storage.ts";
export { RecordingMachine } from "./recording-machine.ts";
export { type ChannelEvent, channelMachine, nullMachine } from "./simple-machines.ts";
export { type StateMachineFixture, stateMachineSuite } from "./state-machine-suite.ts";
export { type StorageFixture, storageSuite, suiteVoters } from "./storage-suite.ts";
export type { TestFunction } from "./suite.ts";
export { type TransportPair, transportSuite } from "./transport-suite.ts";
export { TurnScheduler } from "./turn-scheduler.ts";
