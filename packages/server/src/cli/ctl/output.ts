/** The five ways of printing an answer, in etcdctl's shapes. A command says what it has; what it lacks is refused by name. */
import { utf8Encode } from "@quorate/base";
import { type DescMessage, type MessageShape, type ResponseHeader, toBinary } from "@quorate/etcd/messages";
import { boxTable } from "./box-table.ts";
import { CtlError, ctlExit } from "./ctl-error.ts";
import { goJson } from "./go-json.ts";
import { hexEscapes } from "./go-text.ts";

/** A format that --write-out names. */
type OutputFormat = "simple" | "json" | "table" | "fields" | "protobuf";

/** Pieces of a line: text, or bytes as they are. */
export type Line = string | readonly (string | Uint8Array)[];

/** An answer, in the formats that there are for it. */
export interface Printable {
  readonly simple?: () => readonly Line[];
  readonly fields?: () => readonly Line[];
  readonly json?: () => string;
  readonly table?: () => { readonly head: readonly string[]; readonly rows: readonly (readonly string[])[] };
  readonly protobuf?: () => Uint8Array;
}

/** Where answers go. */
export class Output {
  readonly format: OutputFormat;
  readonly hex: boolean;

  constructor(format: OutputFormat, hex: boolean) {
    this.format = format;
    this.hex = hex;
  }

  /** Prints an answer in the chosen format. @throws {@link CtlError} where there is no such form of it. */
  print(answer: Printable): void {
    switch (this.format) {
      case "simple":
        this.lines((answer.simple ?? this.#unsupported())());
        break;
      case "fields":
        this.lines((answer.fields ?? this.#unsupported())());
        break;
      case "json":
        this.lines([(answer.json ?? this.#unsupported())()]);
        break;
      case "table": {
        const { head, rows } = (answer.table ?? this.#unsupported())();
        process.stdout.write(boxTable(head, rows));
        break;
      }
      case "protobuf":
        process.stdout.write((answer.protobuf ?? this.#unsupported())());
        break;
    }
  }

  /** Prints a message: JSON and protobuf are the message's own, the rest is the command's. */
  message<D extends DescMessage>(
    schema: D,
    message: MessageShape<D>,
    forms: Pick<Printable, "simple" | "fields" | "table" | "json">,
  ): void {
    this.print({
      json: () => goJson(schema, message),
      protobuf: () => toBinary(schema, message),
      ...forms,
    });
  }

  /** Prints lines, whatever the format. */
  lines(lines: readonly Line[]): void {
    const parts: Uint8Array[] = [];
    for (const line of lines) {
      for (const part of typeof line === "string" ? [line] : line) {
        parts.push(typeof part === "string" ? utf8Encode(part) : part);
      }
      parts.push(newline);
    }
    if (parts.length > 0) {
      process.stdout.write(Buffer.concat(parts));
    }
  }

  /** Bytes as simple output shows them: raw, or with --hex escaped. */
  bytes(bytes: Uint8Array): Uint8Array | string {
    return this.hex ? hexEscapes(bytes) : bytes;
  }

  /** An id as "fields" shows it. */
  id(id: bigint): string {
    return this.hex ? id.toString(16) : String(id);
  }

  /** The header as "fields" shows it. ETCD: no revision where the answer carries none. */
  header(header: ResponseHeader | undefined): string[] {
    return [
      `"ClusterID" : ${this.id(header?.clusterId ?? 0n)}`,
      `"MemberID" : ${this.id(header?.memberId ?? 0n)}`,
      ...(header !== undefined && header.revision > 0n ? [`"Revision" : ${header.revision}`] : []),
      `"RaftTerm" : ${header?.raftTerm ?? 0n}`,
    ];
  }

  #unsupported(): () => never {
    return () => {
      throw new CtlError(`${this.format} not supported as output format`, ctlExit.badFeature);
    };
  }
}

const newline = utf8Encode("\n");

/** The format that a flag names. @throws {@link CtlError} when there is none of that name. */
export function readFormat(text: string): OutputFormat {
  const format = (["simple", "json", "table", "fields", "protobuf"] as const).find((one) => one === text);
  if (format === undefined) {
    throw new CtlError("unsupported output format", ctlExit.badFeature);
  }
  return format;
}
