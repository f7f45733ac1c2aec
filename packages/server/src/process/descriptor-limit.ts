/** How many files and connections the system lets this process have open. */
import { readFileSync } from "node:fs";

/** ETCD: what is kept back from clients, for the log, its snapshots and the peers. */
const reservedCount = 150;

/** Connections that clients may have of `wanted`, so that the rest of the process never lacks a descriptor. */
export function affordableConnections(wanted: number, limits: string | null = readLimits()): number {
  const soft = limits === null ? Number.NaN : Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
  return Number.isNaN(soft) ? wanted : Math.max(1, Math.min(wanted, soft - reservedCount));
}

/** What Linux says of this process; null where nobody says. */
function readLimits(): string | null {
  try {
    return readFileSync("/proc/self/limits", "latin1");
  } catch {
    return null; // Another system: what was wanted is taken.
  }
}
