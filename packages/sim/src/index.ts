/** The public list of `@quorate/sim`. */

export type { CheckpointSink, CheckpointSource } from "./explorer/checkpoint.ts";
export {
  type ExploreOptions,
  type ExplorerProgress,
  type ExplorerReport,
  explore,
} from "./explorer/explore.ts";
export { defaultExplorerPlan, type ExplorerPlan } from "./explorer/plan.ts";
export { FaultCount, type FaultKind, faultKinds } from "./fault-count.ts";
export { FaultyDisk } from "./faulty-disk.ts";
export { Incarnation } from "./incarnation.ts";
export {
  type CheckLimits,
  checkLinearizable,
  checkLinearizableByKey,
  type Verdict,
} from "./linearizability/check.ts";
export type { Operation, SequentialModel } from "./linearizability/model.ts";
export {
  type AppendInput,
  type AppendOutput,
  appendModel,
  type RegisterInput,
  type RegisterOutput,
  registerModel,
} from "./linearizability/models.ts";
export { type RegisterOperation, randomRegisterHistory } from "./linearizability/random-history.ts";
export { Network } from "./network.ts";
export type { SimulatedMachine } from "./own/own-run.ts";
export type { SimulatedAct, SimulatedOperation } from "./own/own-workload.ts";
export {
  type SimulatedWorkload,
  type SimulationFailure,
  type SimulationOptions,
  type SimulationReport,
  simulate,
} from "./own/simulate.ts";
export { type ProfileName, profileNames, profiles, seedPlan } from "./profiles.ts";
export {
  decodeSchedule,
  encodeSchedule,
  playSchedule,
  type Schedule,
  scheduleVersion,
} from "./shrink/schedule.ts";
export { type ShrinkOptions, type Shrunken, scheduleOf, shrink } from "./shrink/shrink.ts";
export type { SeedReport, SimulateOptions } from "./simulate.ts";
export { type KeptSteps, keepAll, type StepKind, stepKinds } from "./steps.ts";
export type { DiskPlan, MembershipPlan, NemesisPlan, NetworkPlan, SeedPlan, WorkloadPlan } from "./swarm.ts";
export { Trace, type TraceSink } from "./trace.ts";
export { type CheckerName, Violation } from "./violation.ts";
export { OperationCount, type OperationKind, operationKinds } from "./workloads/operation-count.ts";
export { type EtcdPlan, etcdPlanBase } from "./workloads/plan.ts";
export { World } from "./world.ts";
