/** What a server serves, as descriptors: every file, and in which of them each name is defined. */
import { create, type DescFile, type DescMessage, type DescService, toBinary } from "@bufbuild/protobuf";
import {
  type FieldDescriptorProto,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  type MethodDescriptorProto,
} from "@bufbuild/protobuf/wkt";

/** One file of definitions. */
interface CatalogueFile {
  readonly name: string;
  /** Serialized `google.protobuf.FileDescriptorProto`. */
  readonly bytes: Uint8Array;
  /** Names of files that it imports. */
  readonly imports: readonly string[];
}

/** All that can be asked for. */
export interface Catalogue {
  /** Full names, in order. */
  readonly services: readonly string[];
  readonly files: ReadonlyMap<string, CatalogueFile>;
  /** The file that defines a service, method, message, field, enum or value of an enum, by full name. */
  readonly fileOf: ReadonlyMap<string, string>;
}

/** Describes `services`, and `twins`: services that are served under the name of another package, too. */
export function createCatalogue(services: readonly DescService[], twins: readonly Twin[]): Catalogue {
  const files = new Map<string, CatalogueFile>();
  const fileOf = new Map<string, string>();
  const add = (proto: FileDescriptorProto, names: readonly string[]): void => {
    files.set(proto.name, {
      name: proto.name,
      bytes: toBinary(FileDescriptorProtoSchema, proto),
      imports: proto.dependency,
    });
    for (const name of names) {
      fileOf.set(name, proto.name);
    }
  };
  const visit = (file: DescFile): void => {
    if (!files.has(`${file.name}.proto`)) {
      add(file.proto, namesIn(file));
      for (const imported of file.dependencies) {
        visit(imported);
      }
    }
  };
  for (const { file } of services) {
    visit(file);
  }
  for (const { service, toPackage } of twins) {
    const fromPackage = service.file.proto.package;
    add(
      twinFile(service.file.proto, fromPackage, toPackage),
      namesIn(service.file).map((name) => renamed(name, fromPackage, toPackage)),
    );
  }
  const twinNames = twins.map(({ service, toPackage }) => `${toPackage}.${service.name}`);
  return {
    services: [...services.map(({ typeName }) => typeName), ...twinNames].toSorted(),
    files,
    fileOf,
  };
}

/** A service under the name of another package. */
interface Twin {
  readonly service: DescService;
  readonly toPackage: string;
}

function namesIn(file: DescFile): readonly string[] {
  return [
    ...file.services.flatMap(({ methods, typeName }) => [
      typeName,
      ...methods.map(({ name }) => `${typeName}.${name}`),
    ]),
    ...file.messages.flatMap(namesInMessage),
    ...file.enums.flatMap(({ typeName, values }) => namesOfEnum(typeName, values)),
  ];
}

function namesInMessage(message: DescMessage): readonly string[] {
  const { fields, nestedEnums, nestedMessages, oneofs, typeName } = message;
  return [
    typeName,
    ...fields.map(({ name }) => `${typeName}.${name}`),
    ...oneofs.map(({ name }) => `${typeName}.${name}`),
    ...nestedMessages.flatMap(namesInMessage),
    ...nestedEnums.flatMap((one) => namesOfEnum(one.typeName, one.values)),
  ];
}

/** Values stand beside their enum, not within it. */
function namesOfEnum(typeName: string, values: readonly { readonly name: string }[]): readonly string[] {
  const scope = typeName.slice(0, typeName.lastIndexOf(".") + 1);
  return [typeName, ...values.map(({ name }) => `${scope}${name}`)];
}

function renamed(name: string, fromPackage: string, toPackage: string): string {
  return `${toPackage}${name.slice(fromPackage.length)}`;
}

/** The same definitions in another package. */
function twinFile(proto: FileDescriptorProto, fromPackage: string, toPackage: string): FileDescriptorProto {
  const type = (name: string): string =>
    name.startsWith(`.${fromPackage}.`) ? `.${toPackage}${name.slice(fromPackage.length + 1)}` : name;
  const field = (one: FieldDescriptorProto): FieldDescriptorProto => ({
    ...one,
    typeName: type(one.typeName),
  });
  const method = (one: MethodDescriptorProto): MethodDescriptorProto => ({
    ...one,
    inputType: type(one.inputType),
    outputType: type(one.outputType),
  });
  return create(FileDescriptorProtoSchema, {
    ...proto,
    name: `${toPackage.replaceAll(".", "/")}/${proto.name}`,
    package: toPackage,
    messageType: proto.messageType.map((one) => ({ ...one, field: one.field.map(field) })),
    service: proto.service.map((one) => ({ ...one, method: one.method.map(method) })),
  });
}
