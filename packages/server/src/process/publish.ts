/** Tells the cluster this member's name and where its clients connect, through the log like any other change. */
import type { ReplicationPort } from "@quorate/etcd";
import { encodeCommand, type MemberAttributes } from "@quorate/kv";

// Without a leader there is nobody to tell; a new one is not there sooner than this.
const retryMs = 50;

/**
 * Publishes again and again until it is applied, calls back then: from that moment on this member has a leader, and has
 * caught up with it. Returns the function that gives up.
 */
export function publishMember(
  replication: Pick<ReplicationPort, "submit">,
  attributes: MemberAttributes,
  published: () => void,
): () => void {
  let stopped = false;
  const attempt = (): void => {
    if (stopped) {
      return;
    }
    // Publishing twice is publishing once, so that an unknown outcome may be tried again.
    replication.submit(encodeCommand({ type: "member-publish", ...attributes }), (outcome) => {
      if (outcome.kind === "applied") {
        published();
      } else {
        setTimeout(attempt, retryMs);
      }
    });
  };
  attempt();
  return () => {
    stopped = true;
  };
}
