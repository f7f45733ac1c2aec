/** What members have published of themselves: the replicated part of etcd's member list that is not in the configuration. */
import { assert } from "@quorate/base";
import type { MemberAttributes, MemberPublish } from "./types.ts";

/** Attributes by member id. Replaced whole on each change, so that an image keeps what it pinned. */
export type MemberTable = ReadonlyMap<number, MemberAttributes>;

/** The table with one member's attributes replaced; ids stay in ascending order. */
export function publishMember(table: MemberTable, publish: MemberPublish): MemberTable {
  assert(Number.isSafeInteger(publish.id) && publish.id > 0, "members: not a member id");
  const { id, name, clientUrls, peerUrls } = publish;
  const entries = [...table].filter(([other]) => other !== id);
  entries.push([id, { id, name, clientUrls, peerUrls }]);
  assert(entries.length === table.size + (table.has(id) ? 0 : 1), "members: a member was lost");
  return new Map(entries.sort(([left], [right]) => left - right));
}
