/**
 * Every message of the API as protobuf-es schemas: for clients, tests, and whatever is not hot. Integers of 64 bits are
 * exact bigints.
 */
export * from "#generated/etcdserverpb_pb.js";
export * from "#generated/health_pb.js";
export { EventSchema, KeyValueSchema } from "#generated/mvccpb_pb.js";
export * from "#generated/v3electionpb_pb.js";
export * from "#generated/v3lockpb_pb.js";
