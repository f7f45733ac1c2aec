/** Server reflection, gRPC's protocol by which tools learn what a server serves; in its first and its older form. */
import {
  Auth,
  Cluster,
  create,
  Election,
  fromBinary,
  Health,
  KV,
  Lease,
  Lock,
  Maintenance,
  type MessageInitShape,
  ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  ServerReflectionResponseSchema,
  toBinary,
  Watch,
} from "@quorate/etcd/messages";
import { type BidiCall, type Method, status } from "@quorate/grpc";
import { type Catalogue, createCatalogue } from "./catalogue.ts";

type Answer = NonNullable<MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]>;

const olderPackage = "grpc.reflection.v1alpha";

/** The methods of reflection by their paths; both tell the same. */
export function reflectionMethods(): ReadonlyMap<string, Method> {
  // PERF: made by the first call: few members are ever asked.
  let catalogue: Catalogue | null = null;
  const method: Method = {
    kind: "bidi",
    handle(call) {
      catalogue ??= createCatalogue(
        [KV, Watch, Lease, Cluster, Maintenance, Auth, Lock, Election, Health, ServerReflection],
        [{ service: ServerReflection, toPackage: olderPackage }],
      );
      serve(call, catalogue);
    },
  };
  return new Map([
    [`/${ServerReflection.typeName}/ServerReflectionInfo`, method],
    [`/${olderPackage}.ServerReflection/ServerReflectionInfo`, method],
  ]);
}

function serve(call: BidiCall, catalogue: Catalogue): void {
  /** Files that this client has; it gets none of them twice. */
  const sent = new Set<string>();
  call.onDrain(() => call.resume());
  call.onEnd(() => call.end());
  call.onMessage((bytes) => {
    let request: ServerReflectionRequest;
    try {
      request = fromBinary(ServerReflectionRequestSchema, bytes);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      call.fail(status.internal, `grpc: error unmarshalling request: ${why}`);
      return;
    }
    const response = create(ServerReflectionResponseSchema, {
      validHost: request.host,
      originalRequest: request,
      messageResponse: answer(request, catalogue, sent),
    });
    if (!call.write(toBinary(ServerReflectionResponseSchema, response))) {
      call.pause();
    }
  });
}

function answer(
  { messageRequest: asked }: ServerReflectionRequest,
  catalogue: Catalogue,
  sent: Set<string>,
): Answer {
  switch (asked.case) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: catalogue.services.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return filesFrom(asked.value, `file ${asked.value}`, catalogue, sent);
    case "fileContainingSymbol":
      return filesFrom(catalogue.fileOf.get(asked.value), `symbol ${asked.value}`, catalogue, sent);
    case "fileContainingExtension":
    case "allExtensionNumbersOfType":
      return failure(status.notFound, "there are no extensions");
    default:
      return failure(status.invalidArgument, "nothing was asked for");
  }
}

/** The file and those that it rests on. */
function filesFrom(name: string | undefined, asked: string, catalogue: Catalogue, sent: Set<string>): Answer {
  if (name === undefined || !catalogue.files.has(name)) {
    return failure(status.notFound, `${asked} is not known`);
  }
  const found: Uint8Array[] = [];
  const visited = new Set<string>();
  const visit = (path: string): void => {
    const file = catalogue.files.get(path);
    if (file === undefined || visited.has(path)) {
      return;
    }
    visited.add(path);
    // What was asked for by name is sent again.
    if (path === name || !sent.has(path)) {
      sent.add(path);
      found.push(file.bytes);
    }
    file.imports.forEach(visit);
  };
  visit(name);
  return { case: "fileDescriptorResponse", value: { fileDescriptorProto: found } };
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { case: "errorResponse", value: { errorCode, errorMessage } };
}
