/**
 * Messages as Go's encoding/json writes those of etcd's API: fields in the order of the .proto file, empty ones left out, 64-bit
 * numbers as bare numbers, enums by number, bytes as base64. It is not protobuf's JSON, which the gateway speaks.
 */
import type { DescField, DescMessage, MessageShape } from "@quorate/etcd/messages";

/** A text as JSON. Go also escapes what could end a script in a page. */
export function jsonText(text: string): string {
  return JSON.stringify(text).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** One message. `show` may give a field another text. */
export function goJson<D extends DescMessage>(
  schema: D,
  message: MessageShape<D>,
  show: (field: DescField, value: unknown) => string | null = () => null,
): string {
  const parts: string[] = [];
  const values = message as unknown as Readonly<Record<string, unknown>>;
  for (const member of schema.members) {
    if (member.kind === "oneof") {
      const chosen = values[member.localName] as { readonly case?: string; readonly value?: unknown };
      const field = member.fields.find(({ localName }) => localName === chosen.case);
      if (field !== undefined) {
        // ETCD: the Go type of a oneof is a struct in a field that carries the group's name.
        const group = `${member.name[0]?.toUpperCase()}${member.name.slice(1)}`;
        parts.push(`${jsonText(group)}:{${jsonText(field.name)}:${valueJson(field, chosen.value, show)}}`);
      }
    } else if (!isEmpty(values[member.localName])) {
      parts.push(`${jsonText(member.name)}:${valueJson(member, values[member.localName], show)}`);
    }
  }
  return `{${parts.join(",")}}`;
}

function isEmpty(value: unknown): boolean {
  return (
    value === undefined ||
    value === 0 ||
    value === 0n ||
    value === "" ||
    value === false ||
    ((value instanceof Uint8Array || Array.isArray(value)) && value.length === 0)
  );
}

function valueJson(
  field: DescField,
  value: unknown,
  show: (field: DescField, value: unknown) => string | null,
): string {
  if (Array.isArray(value)) {
    return `[${value.map((one) => valueJson(field, one, show)).join(",")}]`;
  }
  const shown = show(field, value);
  if (shown !== null) {
    return shown;
  }
  if (value instanceof Uint8Array) {
    return `"${Buffer.from(value).toString("base64")}"`;
  }
  if (typeof value === "object" && value !== null && field.message !== undefined) {
    return goJson(field.message, value as MessageShape<DescMessage>, show);
  }
  return typeof value === "string" ? jsonText(value) : String(value);
}
