/**
 * Every message of the API as protobuf-es schemas: for clients, tests, and whatever is not hot. Integers of 64 bits are
 * exact bigints. With them comes what makes, reads and writes a message of any schema.
 */
export {
  create,
  type DescField,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
export { Permission_Type, PermissionSchema } from "#generated/authpb_pb.js";
export * from "#generated/etcdserverpb_pb.js";
export * from "#generated/health_pb.js";
export { EventSchema, KeyValueSchema } from "#generated/mvccpb_pb.js";
export {
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "#generated/reflection_pb.js";
export * from "#generated/v3electionpb_pb.js";
export * from "#generated/v3lockpb_pb.js";
