/** Puts events into words: a line each, in colour on a terminal, or a JSON object each. */
import { styleText } from "node:util";
import type { MessageType, Role } from "@quorate/raft";
import type { StoryEvent } from "./events.ts";

type Colour = Parameters<typeof styleText>[0];

/** How a story is told. */
interface NarratorOptions {
  readonly json: boolean;
  /** Also messages, refused votes and trial elections. */
  readonly verbose: boolean;
  readonly write: (line: string) => void;
  /** Milliseconds since the story began. */
  readonly nowMs: () => number;
  /** The time that stands in front of a line. */
  readonly timeText: (nowMs: number) => string;
}

const roleNames: Readonly<Record<Role, string>> = {
  follower: "Follower",
  "pre-candidate": "Pre-Candidate",
  candidate: "Candidate",
  leader: "Leader",
};

/** Tells what happens, leaving out what the listener knows already. */
export class Narrator {
  readonly #options: NarratorOptions;
  readonly #roles: Map<number, Role> = new Map();
  readonly #leaders: Map<number, string> = new Map();
  #confIndex = 0;

  constructor(options: NarratorOptions) {
    this.#options = options;
  }

  tell(event: StoryEvent): void {
    const { json, nowMs, timeText, write } = this.#options;
    if (!this.#isNews(event)) {
      return;
    }
    const atMs = nowMs();
    if (json) {
      write(JSON.stringify({ timeMs: Math.round(atMs), ...event }));
      return;
    }
    const { colour, text } = sentenceOf(event);
    write(`${styleText("dim", timeText(atMs))} ${colour === null ? text : styleText(colour, text)}`);
  }

  /** Whether the event changes what was told so far. */
  #isNews(event: StoryEvent): boolean {
    switch (event.event) {
      case "started":
        this.#roles.set(event.server, event.role);
        this.#leaders.delete(event.server);
        return true;
      case "role":
        return this.#isNewRole(event.server, event.role, event.term);
      case "follows":
        return this.#isNewLeader(event.server, `${event.leader} ${event.term}`);
      case "leader-missed":
        // A trial election begins again and again; news is that a leader known so far is gone.
        return this.#leaders.delete(event.server) || this.#options.verbose;
      case "members": {
        // Every member applies the change; the first one tells.
        const isNew = event.index > this.#confIndex;
        this.#confIndex = Math.max(this.#confIndex, event.index);
        return isNew;
      }
      case "message":
      case "vote-refused":
        return this.#options.verbose;
      case "killed":
      case "removed":
        this.#roles.delete(event.server);
        this.#leaders.delete(event.server);
        return true;
      default:
        return true;
    }
  }

  #isNewRole(server: number, role: Role, term: number): boolean {
    const before = this.#roles.get(server);
    this.#roles.set(server, role);
    if (role === "leader") {
      this.#leaders.set(server, `${server} ${term}`);
    }
    return role !== before;
  }

  #isNewLeader(server: number, leader: string): boolean {
    const isNew = this.#leaders.get(server) !== leader;
    this.#leaders.set(server, leader);
    return isNew;
  }
}

interface Sentence {
  readonly colour: Colour | null;
  readonly text: string;
}

function plain(text: string): Sentence {
  return { colour: null, text };
}

function sentenceOf(event: StoryEvent): Sentence {
  switch (event.event) {
    case "started":
      return plain(`Server ${event.server} started on port ${event.port} as ${roleNames[event.role]}`);
    case "role":
      return {
        colour: event.role === "leader" ? "green" : event.role === "candidate" ? "yellow" : null,
        text: `Server ${event.server} became ${roleNames[event.role]} (term ${event.term})`,
      };
    case "follows":
      return plain(`Server ${event.server} follows Server ${event.leader} (term ${event.term})`);
    case "leader-missed":
      return { colour: "yellow", text: `Server ${event.server} misses its leader` };
    case "vote-refused":
      return plain(
        `Server ${event.server} refuses Server ${event.to} its vote for term ${event.term}: ${event.why}`,
      );
    case "message":
      return { colour: "dim", text: sentenceOfMessage(event) };
    case "members":
      return { colour: "cyan", text: sentenceOfMembers(event) };
    case "written":
      return plain(
        `${event.count} ${event.count === 1 ? "write" : "writes"} committed by Server ${event.server}, up to log index ${event.index}`,
      );
    case "snapshot-made":
      return plain(`Server ${event.server} made a snapshot up to log index ${event.index}`);
    case "snapshot-installed":
      return plain(`Server ${event.server} installed a snapshot up to log index ${event.index}`);
    case "stopping":
      return plain("Shutting down Raft cluster…");
    case "stopped":
      return plain("shutdown complete");
    default:
      return sentenceOfFault(event);
  }
}

type Fault = Extract<
  StoryEvent,
  {
    event:
      | "killed"
      | "paused"
      | "resumed"
      | "partitioned"
      | "healed"
      | "transfer"
      | "removed"
      | "failed"
      | "refused";
  }
>;

function sentenceOfFault(event: Fault): Sentence {
  switch (event.event) {
    case "killed":
      return { colour: "red", text: `Server ${event.server} (${roleNames[event.role]}) is killed` };
    case "paused":
      return { colour: "red", text: `Server ${event.server} (${roleNames[event.role]}) is paused` };
    case "resumed":
      return { colour: "cyan", text: `Server ${event.server} goes on` };
    case "partitioned":
      return {
        colour: "red",
        text: `the network is cut: ${event.groups.map((group) => group.join(",")).join(" | ")}`,
      };
    case "healed":
      return { colour: "cyan", text: "the network is whole again" };
    case "transfer": {
      const heir = event.to === null ? "the best follower" : `Server ${event.to}`;
      return { colour: "cyan", text: `Server ${event.server} hands leadership over to ${heir}` };
    }
    case "removed":
      return { colour: "cyan", text: `Server ${event.server} was removed and stopped` };
    case "failed":
      return { colour: "red", text: `Server ${event.server} failed: ${event.why}` };
    case "refused":
      return { colour: "yellow", text: `cannot ${event.action}: ${event.why}` };
  }
}

function sentenceOfMembers({ index, voters, learners }: StoryEvent & { event: "members" }): string {
  const learning = learners.length === 0 ? "" : `, learning: ${learners.join(", ")}`;
  return `voters are now ${voters.join(", ")}${learning} (log index ${index})`;
}

const messageTexts: Partial<Readonly<Record<MessageType, string>>> = {
  heartbeat: "are you alive",
  "heartbeat-response": "yes I am alive",
};

function sentenceOfMessage({ message, from, to, term }: StoryEvent & { event: "message" }): string {
  return `Server ${from} to Server ${to}: ${messageTexts[message] ?? message} (term ${term})`;
}

/** Virtual time: `00:01.234` since the story began. */
export function virtualTimeText(nowMs: number): string {
  const ms = Math.round(nowMs);
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(Math.floor(ms / 3_600_000))}:${two(Math.floor(ms / 60_000) % 60)}:${two(Math.floor(ms / 1000) % 60)}.${String(ms % 1000).padStart(3, "0")}`;
}

/** This machine's time of day: `14:01:02.345`. */
export function wallTimeText(): string {
  const now = new Date();
  const two = (value: number): string => String(value).padStart(2, "0");
  return `${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}.${String(now.getMilliseconds()).padStart(3, "0")}`;
}
