/** The contract of transports, over gRPC on loopback. */
import test from "node:test";
import { transportSuite } from "@quorate/raft/testing";
import { close, introduce, openEndpoint, until } from "./support.ts";

transportSuite(test, async () => {
  const left = await openEndpoint({ id: 1 });
  const right = await openEndpoint({ id: 2 });
  introduce(left, right);
  return {
    left,
    right,
    until,
    dispose: async () => {
      await close(left);
      await close(right);
    },
  };
});
