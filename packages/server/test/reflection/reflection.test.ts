/** Server reflection: a client that knows nothing but the protocol learns every service, and can then make a call. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  create,
  createFileRegistry,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import {
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from "@bufbuild/protobuf/wkt";
import { methodKinds } from "@quorate/etcd";
import { ServerReflectionRequestSchema, ServerReflectionResponseSchema } from "@quorate/etcd/messages";
import { createGrpcClient, createGrpcServer } from "@quorate/grpc";
import { reflectionMethods } from "../../src/reflection/reflection.ts";

type Asked = NonNullable<MessageInitShape<typeof ServerReflectionRequestSchema>["messageRequest"]>;
type Told = MessageShape<typeof ServerReflectionResponseSchema>["messageResponse"];

const versions = ["grpc.reflection.v1", "grpc.reflection.v1alpha"] as const;

/** Asks on one stream, one after the other. */
async function reflect(version: string, questions: readonly Asked[]): Promise<Told[]> {
  const server = createGrpcServer({});
  for (const [path, method] of reflectionMethods()) {
    server.register(path, method);
  }
  const { port } = await server.listen({ host: "127.0.0.1", port: 0 });
  const client = createGrpcClient(`http://127.0.0.1:${port}`);
  try {
    return await new Promise((resolve, reject) => {
      const told: Told[] = [];
      const stream = client.stream(
        `/${version}.ServerReflection/ServerReflectionInfo`,
        { timeoutMs: 60_000 },
        {
          message: (bytes) => told.push(fromBinary(ServerReflectionResponseSchema, bytes).messageResponse),
          ended: (error) => (error === null ? resolve(told) : reject(error)),
        },
      );
      for (const messageRequest of questions) {
        const request = create(ServerReflectionRequestSchema, { host: "x", messageRequest });
        stream.write(toBinary(ServerReflectionRequestSchema, request));
      }
      stream.end();
    });
  } finally {
    client.close();
    await server.close({ graceMs: 0 });
  }
}

function filesOf(told: Told | undefined): FileDescriptorProto[] {
  assert.equal(told?.case, "fileDescriptorResponse", JSON.stringify(told));
  return told.value.fileDescriptorProto.map((bytes) => fromBinary(FileDescriptorProtoSchema, bytes));
}

for (const version of versions) {
  test(`${version}: every service is listed and can be described whole`, async () => {
    const [list] = await reflect(version, [{ case: "listServices", value: "" }]);
    assert.equal(list?.case, "listServicesResponse");
    const names = list.value.service.map(({ name }) => name);
    const served = new Set([...methodKinds.keys()].map((path) => path.slice(1, path.lastIndexOf("/"))));
    assert.deepEqual(names, [...served, ...versions.map((one) => `${one}.ServerReflection`)].toSorted());
    const paths: string[] = [];
    for (const name of names) {
      const [told] = await reflect(version, [{ case: "fileContainingSymbol", value: name }]);
      const registry = createFileRegistry(
        create(FileDescriptorSetSchema, { file: filesOf(told).toReversed() }),
      );
      for (const method of registry.getService(name)?.methods ?? []) {
        paths.push(`/${name}/${method.name}`);
        assert.notEqual(registry.getMessage(method.input.typeName), undefined, "its input is defined, too");
      }
    }
    const own = versions.map((one) => `/${one}.ServerReflection/ServerReflectionInfo`);
    assert.deepEqual(paths.toSorted(), [...methodKinds.keys(), ...own].toSorted());
  });
}

test("names of every kind are found in their files; files by their names; nothing twice on one stream", async () => {
  const symbols = [
    "etcdserverpb.KV.Put",
    "etcdserverpb.PutRequest",
    "etcdserverpb.PutRequest.prev_kv",
    "etcdserverpb.Compare.target_union",
    "etcdserverpb.RangeRequest.SortOrder",
    "etcdserverpb.RangeRequest.DESCEND",
    "mvccpb.KeyValue",
  ];
  const told = await reflect(
    "grpc.reflection.v1",
    symbols.map((value) => ({ case: "fileContainingSymbol", value })),
  );
  assert.deepEqual(
    told.map((one) => filesOf(one).map(({ name }) => name)[0]),
    [...Array.from({ length: 6 }, () => "etcdserverpb.proto"), "mvccpb.proto"],
  );
  assert.ok(filesOf(told[0]).length > 1, "with what it imports");
  assert.equal(filesOf(told[1]).length, 1, "but only once");
  const [byName, missing] = await reflect("grpc.reflection.v1", [
    { case: "fileByFilename", value: "mvccpb.proto" },
    { case: "fileByFilename", value: "../../etc/passwd" },
  ]);
  assert.equal(filesOf(byName)[0]?.package, "mvccpb");
  assert.deepEqual(
    [missing?.case, missing?.case === "errorResponse" && missing.value.errorCode],
    ["errorResponse", 5],
  );
});

test("what is not there is NOT_FOUND, what is no question INVALID_ARGUMENT, what is no message ends the stream", async () => {
  const told = await reflect("grpc.reflection.v1", [
    { case: "fileContainingSymbol", value: "etcdserverpb.Nothing" },
    { case: "fileContainingSymbol", value: "__proto__" },
    { case: "fileContainingExtension", value: { containingType: "x", extensionNumber: 1 } },
    { case: "allExtensionNumbersOfType", value: "etcdserverpb.PutRequest" },
    { case: undefined },
  ]);
  assert.deepEqual(
    told.map((one) => (one.case === "errorResponse" ? one.value.errorCode : 0)),
    [5, 5, 5, 5, 3],
  );
});
