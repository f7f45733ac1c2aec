/** The public list of `@quorate/sim`. */
export { FaultCount, type FaultKind, faultKinds } from "./fault-count.ts";
export { type SeedReport, type SimulateOptions, simulate } from "./simulate.ts";
export type { DiskPlan, NemesisPlan, NetworkPlan, SeedPlan, WorkloadPlan } from "./swarm.ts";
export type { TraceSink } from "./trace.ts";
export { type CheckerName, Violation } from "./violation.ts";
