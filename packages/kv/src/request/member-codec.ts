/** The binary form of what members publish, alike in commands and in images. */
import { assert, type ByteReader, type ByteWriter, DecodeError } from "@quorate/base";
import type { MemberAttributes } from "../types.ts";
import { readText, writeText } from "./codec-parts.ts";

/** Most URLs that one member publishes. */
const urlCountMax = 256;

/** Appends what a member publishes. */
export function writeMemberAttributes(writer: ByteWriter, member: MemberAttributes): void {
  writer.varint(member.id);
  writeText(writer, member.name);
  writeTexts(writer, member.clientUrls);
  writeTexts(writer, member.peerUrls);
}

/** Reads what {@link writeMemberAttributes} wrote. */
export function readMemberAttributes(reader: ByteReader): MemberAttributes {
  const id = reader.varint();
  if (id === 0) {
    throw new DecodeError("member id 0", reader.offset);
  }
  const name = readText(reader);
  return { id, name, clientUrls: readTexts(reader), peerUrls: readTexts(reader) };
}

function writeTexts(writer: ByteWriter, texts: readonly string[]): void {
  assert(texts.length <= urlCountMax, "codec: too many urls");
  writer.varint(texts.length);
  for (const text of texts) {
    writeText(writer, text);
  }
}

function readTexts(reader: ByteReader): string[] {
  const count = reader.varint();
  if (count > urlCountMax) {
    throw new DecodeError("too many urls", reader.offset);
  }
  const texts: string[] = [];
  for (let i = 0; i < count; i++) {
    texts.push(readText(reader));
  }
  return texts;
}
