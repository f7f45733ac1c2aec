/** Who belongs to the cluster, as this member has applied it, and changes of that. */
import type { CancelHandle, ReconfigurationPort } from "@quorate/etcd";
import type { KvResult } from "@quorate/kv";
import { RaftError } from "@quorate/raft";
import type { MembersView, RaftNode } from "@quorate/raft-node";
import type { MemberIdentity } from "../identity/data-directory.ts";
import { memberIdOf } from "../identity/member-id.ts";
import { changeFailure, changeStep } from "./membership-port.ts";
import type { PeerLinks } from "./peer-links.ts";

/** PERF: the members change seldom and are asked for with each request, so they are looked up when they change. */
export class KnownMembers {
  readonly #node: RaftNode<never, KvResult>;
  view: MembersView;

  constructor(node: RaftNode<never, KvResult>) {
    this.#node = node;
    this.view = node.members;
    node.subscribe((event) => {
      if (
        event.type === "conf-state" ||
        event.type === "snapshot-installed" ||
        event.type === "member-promoted"
      ) {
        this.refresh();
      }
    });
  }

  /** Looks them up now. */
  refresh(): void {
    this.view = this.#node.members;
  }

  isLearner(id: number): boolean {
    const learners: readonly number[] = this.view.confState.learners;
    return learners.includes(id);
  }

  /** Voters beside this member of which a majority needs that many. */
  get otherVoterCount(): number {
    return Math.floor(this.view.confState.voters.length / 2);
  }
}

/** Changes of the members, as the API asks for them. */
export function reconfigurationOf(
  node: RaftNode<never, KvResult>,
  identity: MemberIdentity,
  links: PeerLinks,
  members: KnownMembers,
): ReconfigurationPort {
  return {
    get confIndex() {
      return members.view.confIndex;
    },
    newMemberId: (peerUrls) => memberIdOf(peerUrls, identity.clusterToken, Date.now()),
    connectedSinceMs: (id) => links.sinceOf(id),
    progress() {
      return node.isLeader ? new Map(node.status().progress.map(({ id, match }) => [id, match])) : null;
    },
    moveLeader(target, done): CancelHandle {
      const waiting = new AbortController();
      node.transferLeadership(target, { signal: waiting.signal }).then(
        (leader) => done(leader === target),
        (error: unknown) => {
          if (!(error instanceof RaftError)) {
            throw error;
          }
          // Refused or too late: either way the target does not lead, and the client is told so.
          done(false);
        },
      );
      return { cancel: () => waiting.abort() };
    },
    change(step, confIndex, done): CancelHandle {
      const change = changeStep(step);
      if (change === null) {
        done({ kind: "refused", reason: "invalid" });
        return { cancel: () => {} };
      }
      const waiting = new AbortController();
      node
        .changeMembers([change], { expectedConfIndex: confIndex, signal: waiting.signal })
        .then(
          () => {
            members.refresh();
            return { kind: "applied" } as const;
          },
          (error: unknown) => (waiting.signal.aborted ? null : changeFailure(error)),
        )
        .then((outcome) => outcome !== null && done(outcome));
      return { cancel: () => waiting.abort() };
    },
  };
}
