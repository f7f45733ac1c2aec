/** What a Raft node tells of itself: kept where later answers depend on it, written to the log where an operator should know. */
import { noNode, type VoteFloor } from "@quorate/raft";
import type { RaftNodeEvent } from "@quorate/raft-node";
import { idText } from "../identity/member-id.ts";
import type { Logger } from "../logging/logger.ts";
import type { PeerLinks } from "./peer-links.ts";

/** Who leads, and since when; it changes only with events. */
export class Leadership {
  leader = 0;
  leaderSinceMs = 0;
  changeCount = 0;

  /** ETCD: only a change to another leader counts, not the loss of one. */
  changed(leader: number, nowMs: number): void {
    if (leader !== this.leader && leader !== 0) {
      this.changeCount += 1;
      this.leaderSinceMs = nowMs;
    }
    if (leader === 0) {
      this.leaderSinceMs = 0;
    }
    this.leader = leader;
  }
}

/** Keeps what later answers depend on. */
export function observeEvent(event: RaftNodeEvent, links: PeerLinks, leadership: Leadership): void {
  switch (event.type) {
    case "leader":
      leadership.changed(event.leader, performance.now());
      break;
    case "connected":
      links.connected(event.peer, performance.now());
      break;
    case "disconnected":
      links.disconnected(event.peer);
      break;
    default:
      break;
  }
}

/** What an operator should know, in words; the rest stands in metrics. `paced` takes the lines whose number strangers decide. */
export function logEvent(event: RaftNodeEvent, logger: Logger, paced: Pick<Logger, "warn"> = logger): void {
  switch (event.type) {
    case "leader":
      if (event.leader !== noNode) {
        logger.info("has a leader", { leader: idText(event.leader), term: event.term });
      }
      break;
    case "fail-over-started":
      logger.warn("the leader's process is gone: elects another without waiting for the time-out", {
        leader: idText(event.leader),
        evidence: event.reason,
      });
      break;
    case "fail-over-ended":
      logger.info(`fail-over ended: ${event.outcome}`, { leader: idText(event.leader) });
      break;
    case "role":
      logger.info("changed its role", { role: event.role, term: event.term });
      break;
    case "slow-disk":
      logger.warn("a write to the log takes longer than an election time-out", { ticks: event.ticks });
      break;
    case "resigned":
      logger.warn("gave up leadership: the disk hangs", { ticks: event.ticks });
      break;
    case "transfer-started":
      logger.info("hands leadership over", { to: idText(event.transferee) });
      break;
    case "transfer-ended":
      logger.info(event.ok ? "handed leadership over" : "gave up handing leadership over", {
        to: idText(event.transferee),
      });
      break;
    case "trace-failed":
      logger.error("the trace can be written no more; the member goes on without", {
        error: event.error.message,
      });
      break;
    case "recovered":
      logger.warn(`recovered: ${event.what}`);
      break;
    case "late-tick":
      logger.warn("the event loop was held up: heartbeats may be late", {
        "gap-ms": Math.round(event.gapMs),
      });
      break;
    case "refused":
      paced.warn("refused a peer", {
        "remote-addr": event.remote,
        cause: event.cause,
        detail: event.detail,
      });
      break;
    case "refused-by":
      logger.warn("a peer refused this member", {
        peer: idText(event.peer),
        cause: event.cause,
        detail: event.detail,
      });
      break;
    case "bad-frame":
      paced.warn("closed a peer connection: not the peer protocol", {
        "remote-addr": event.remote,
        why: event.why,
      });
      break;
    case "connected":
      logger.info("peer connected", { peer: idText(event.peer), direction: event.direction });
      break;
    case "disconnected":
      logger.info("peer disconnected", {
        peer: idText(event.peer),
        direction: event.direction,
        why: event.why,
      });
      break;
    case "message-inconsistent":
      logger.error("refused a message that contradicts the protocol", {
        peer: idText(event.from),
        what: event.what,
      });
      break;
    case "log-damaged":
      logger.error("the log is damaged; what was sound goes on, the rest is asked of the leader", {
        "last-index": event.last.index,
        ...floorFields(event.floor),
      });
      break;
    case "log-repaired":
      logger.info("the log is repaired", { "last-index": event.last.index });
      break;
    case "log-repair-waits":
      logger.error("the damaged log cannot be repaired: no member that holds a whole log leads", {
        "waiting-ticks": event.ticks,
        ...floorFields(event.floor),
      });
      break;
    case "snapshot-made":
    case "snapshot-installed":
    case "snapshot-sending":
    case "snapshot-sent":
    case "snapshot-received":
      logger.info(event.type.replace("-", " "), {
        index: event.snapshot.index,
        term: event.snapshot.term,
      });
      break;
    default:
      logger.debug(event.type);
  }
}

/** What a damaged log once reached, as fields of a log line. */
function floorFields(floor: VoteFloor): Record<string, number | string> {
  return floor === "unknown"
    ? { "floor-index": "unknown" }
    : { "floor-index": floor.index, "floor-term": floor.term };
}
