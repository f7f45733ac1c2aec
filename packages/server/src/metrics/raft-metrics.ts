/**
 * What a Raft node counts, as Prometheus metrics of our own names: etcd has none of these, or others that mean something else.
 * Everything is read when somebody scrapes; nothing is counted twice.
 */
import type { HostStatus } from "@quorate/raft";
import type { TraceCounters, TransportCounters } from "@quorate/raft-node";
import { Counter, Gauge, type Registry } from "./prom-client.ts";

/** What the metrics are made of, at one moment. */
export interface RaftFacts {
  readonly status: HostStatus;
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly transport: Readonly<TransportCounters>;
  readonly trace: Readonly<TraceCounters>;
}

interface Row {
  readonly name: string;
  readonly help: string;
  readonly type: "counter" | "gauge";
  /** One value, or one for each value of a label. */
  readonly value: ((facts: RaftFacts) => number) | Labelled;
}

interface Labelled {
  readonly label: string;
  readonly values: Readonly<Record<string, (facts: RaftFacts) => number>>;
}

/** Every metric of the node, in the order of docs/metrics.md. */
export const raftMetrics: readonly Row[] = [
  {
    name: "quorate_raft_term",
    help: "The present term.",
    type: "gauge",
    value: ({ status }) => status.hardState.term,
  },
  {
    name: "quorate_raft_log_index",
    help: "Positions in the log: first and last stored, highest known committed, highest applied.",
    type: "gauge",
    value: {
      label: "position",
      values: {
        first: ({ firstIndex }) => firstIndex,
        last: ({ lastIndex }) => lastIndex,
        committed: ({ status }) => status.hardState.commit,
        applied: ({ status }) => status.machineApplied,
      },
    },
  },
  {
    name: "quorate_raft_leader_changes_total",
    help: "Changes to another leader that this member has seen.",
    type: "counter",
    value: ({ status }) => status.counters.leaderChanges,
  },
  {
    name: "quorate_raft_transfers_total",
    help: "Leadership transfers that this member began as leader, and those of them that it gave up.",
    type: "counter",
    value: {
      label: "event",
      values: {
        started: ({ status }) => status.counters.transfersStarted,
        failed: ({ status }) => status.counters.transfersFailed,
      },
    },
  },
  {
    name: "quorate_raft_proposals_total",
    help: "Proposals of this member: all, handed to the leader, certainly not applied, of unknown outcome.",
    type: "counter",
    value: {
      label: "event",
      values: {
        proposed: ({ status }) => status.counters.proposals,
        forwarded: ({ status }) => status.counters.proposalsForwarded,
        refused: ({ status }) => status.counters.proposalsRefused,
        unknown: ({ status }) => status.counters.proposalsUnknown,
      },
    },
  },
  {
    name: "quorate_raft_proposals_pending_bytes",
    help: "Bytes of the proposals of this member that have not ended.",
    type: "gauge",
    value: ({ status }) => status.pendingProposalBytes,
  },
  {
    name: "quorate_raft_entries_applied_total",
    help: "Entries that the state machine here has applied since the start.",
    type: "counter",
    value: ({ status }) => status.counters.entriesApplied,
  },
  {
    name: "quorate_raft_reads_total",
    help: "Linearizable reads: all, answered by this leader's lease, refused.",
    type: "counter",
    value: {
      label: "event",
      values: {
        asked: ({ status }) => status.counters.reads,
        "by-lease": ({ status }) => status.counters.readsByLease,
        refused: ({ status }) => status.counters.readsRefused,
      },
    },
  },
  {
    name: "quorate_raft_read_rounds_total",
    help: "Rounds that confirmed reads; many reads share one.",
    type: "counter",
    value: ({ status }) => status.counters.readRounds,
  },
  {
    name: "quorate_raft_lease_held",
    help: "1 while this leader answers reads by its lease.",
    type: "gauge",
    value: ({ status }) => (status.leaseHeld ? 1 : 0),
  },
  {
    name: "quorate_raft_writes_pending",
    help: "Batches handed to the log and not durable yet.",
    type: "gauge",
    value: ({ status }) => status.persistingCount,
  },
  {
    name: "quorate_raft_write_age_ticks",
    help: "Ticks for which the oldest of them has been under way; an election time-out of them is a slow disk.",
    type: "gauge",
    value: ({ status }) => status.persistingTicks,
  },
  {
    name: "quorate_raft_snapshots_total",
    help: "Snapshots made here, begun to be sent to others, sent in full, and taken over from a leader.",
    type: "counter",
    value: {
      label: "event",
      values: {
        made: ({ status }) => status.counters.snapshotsMade,
        sending: ({ status }) => status.counters.snapshotsSending,
        sent: ({ status }) => status.counters.snapshotsSent,
        installed: ({ status }) => status.counters.snapshotsInstalled,
      },
    },
  },
  {
    name: "quorate_raft_snapshot_bytes_total",
    help: "Bytes of snapshots on the wire, those that were sent again included.",
    type: "counter",
    value: {
      label: "direction",
      values: {
        sent: ({ status }) => status.counters.snapshotBytesSent,
        received: ({ status }) => status.counters.snapshotBytesReceived,
      },
    },
  },
  {
    name: "quorate_raft_peers_active",
    help: "Other members that were heard within the last election time-out.",
    type: "gauge",
    value: ({ status }) => status.activePeers.length,
  },
  {
    name: "quorate_peer_frames_total",
    help: "Frames to and from peers: sent, received, dropped for want of a connection or of room, refused as impossible.",
    type: "counter",
    value: {
      label: "event",
      values: {
        sent: ({ transport }) => transport.sentFrames,
        received: ({ transport }) => transport.receivedFrames,
        dropped: ({ transport }) => transport.droppedFrames,
        refused: ({ status, transport }) => status.counters.framesRefused + transport.badFrames,
      },
    },
  },
  {
    name: "quorate_peer_bytes_total",
    help: "Bytes to and from peers.",
    type: "counter",
    value: {
      label: "direction",
      values: {
        sent: ({ transport }) => transport.sentBytes,
        received: ({ transport }) => transport.receivedBytes,
      },
    },
  },
  {
    name: "quorate_trace_events_total",
    help: "Events of --trace that were written.",
    type: "counter",
    value: ({ trace }) => trace.written,
  },
  {
    name: "quorate_trace_events_dropped_total",
    help: "Events of --trace that found no room.",
    type: "counter",
    value: ({ trace }) => trace.dropped,
  },
];

/** Registers them; `facts` is asked once for each metric of a scrape. */
export function observeRaft(registers: Registry[], facts: () => RaftFacts): void {
  for (const row of raftMetrics) {
    const { help, name, type, value } = row;
    const labelNames = typeof value === "function" ? [] : [value.label];
    const valuesOf = (): readonly (readonly [Record<string, string>, number])[] => {
      const now = facts();
      return typeof value === "function"
        ? [[{}, value(now)]]
        : Object.entries(value.values).map(([key, read]) => [{ [value.label]: key }, read(now)]);
    };
    if (type === "gauge") {
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        collect() {
          for (const [labels, number] of valuesOf()) {
            this.set(labels, number);
          }
        },
      });
    } else {
      new Counter({
        name,
        help,
        labelNames,
        registers,
        collect() {
          this.reset();
          for (const [labels, number] of valuesOf()) {
            this.inc(labels, number);
          }
        },
      });
    }
  }
}

/** The table of docs/metrics.md. */
export function raftMetricsMarkdown(): string {
  const rows = raftMetrics.map(({ help, name, type, value }) => {
    const labels =
      typeof value === "function"
        ? ""
        : `${value.label}: ${Object.keys(value.values)
            .map((key) => `\`${key}\``)
            .join(", ")}`;
    return `| \`${name}\` | ${type} | ${labels} | ${help} |`;
  });
  return ["| name | type | label | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
