/** Whether all members hold the same. */
import { create, fromBinary, Maintenance, toBinary } from "@quorate/etcd/messages";
import { createGrpcClient, GrpcError } from "@quorate/grpc";
import { eventually } from "../../../src/testing/index.ts";
import { pathOf } from "../../crash/members.ts";

const { hashKV } = Maintenance.method;

/** What a member says that has not heard yet that access control is off. */
const notHeardYet = "etcdserver: user name is empty";

/** Null where the member cannot tell yet. */
async function hashOf(url: string): Promise<string | null> {
  const client = createGrpcClient(url);
  try {
    const request = toBinary(hashKV.input, create(hashKV.input, {}));
    const answer = await client.request(pathOf(hashKV), request, { timeoutMs: 60_000 });
    const { hash, hashRevision } = fromBinary(hashKV.output, answer);
    return `${hash} at ${hashRevision}`;
  } catch (error) {
    if (error instanceof GrpcError && error.message === notHeardYet) {
      return null;
    }
    throw error;
  } finally {
    client.close();
  }
}

/** Waits until the members at `urls` hold the same keys with the same history. @throws Error when they do not within a minute. */
export async function membersAgree(urls: readonly string[]): Promise<void> {
  await eventually("equal hashes on all members", 60_000, async () => {
    const hashes = await Promise.all(urls.map(hashOf));
    return new Set(hashes).size === 1 && hashes[0] !== null ? true : undefined;
  });
}
