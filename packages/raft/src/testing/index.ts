/** Ports in memory and the contract suites, for tests of your own storages, transports and state machines. */
export { MemoryNetwork, MemoryTransport } from "./memory-network.ts";
export { MemoryStorage, type MemoryStorageOptions } from "./memory-storage.ts";
export { RecordingMachine } from "./recording-machine.ts";
export { TurnScheduler } from "./turn-scheduler.ts";
