/** Carries out what a script, a key or a flag asks for: finds the servers that are meant, and says what stands in the way. */
import type { Tell } from "./events.ts";
import type { Action, Step, Target } from "./script.ts";
import type { Done, ServerView, Stage } from "./stage.ts";

const pollMs = 10;
const patienceMs = 30_000;

/** See the head of this file. */
export class Director {
  readonly #stage: Stage;
  readonly #tell: Tell;
  readonly #quit: () => void;

  /** @param quit Called when the story is to end. */
  constructor(stage: Stage, tell: Tell, quit: () => void) {
    this.#stage = stage;
    this.#tell = tell;
    this.#quit = quit;
  }

  /** Plays the steps one after the other; `done` with the first problem, which names the line. */
  play(steps: readonly Step[], path: string, done: Done): void {
    const [step, ...rest] = steps;
    if (step === undefined) {
      done(null);
      return;
    }
    const delayMs = Math.max(step.afterMs, step.atMs - this.#stage.nowMs, 0);
    this.#stage.after(Math.ceil(delayMs), () =>
      this.perform(step.action, (problem) => {
        if (problem !== null) {
          done(`${path}, line ${step.line}: cannot ${step.text}: ${problem}`);
        } else if (step.action.do === "quit") {
          done(null);
        } else {
          this.play(rest, path, done);
        }
      }),
    );
  }

  /** Does one thing; `done` once it has happened. */
  perform(action: Action, done: Done): void {
    switch (action.do) {
      case "quit":
        this.#quit();
        done(null);
        return;
      case "wait":
        this.#stage.after(action.ms, () => done(null));
        return;
      case "wait-leader":
        this.#until("nobody leads", () => this.#settledLeader() !== null, done);
        return;
      case "heal":
        this.#heal(done);
        return;
      case "partition":
        this.#partition(action.groups, done);
        return;
      case "transfer":
      case "add":
      case "write":
      case "remove":
        this.#askLeader(action, done);
        return;
      default:
        this.#strike(action.do, action.target, done);
    }
  }

  #strike(verb: "kill" | "pause" | "resume" | "restart", target: Target, done: Done): void {
    const server = this.#find(target);
    if (typeof server === "string") {
      done(server);
      return;
    }
    const needed = { kill: "running", pause: "running", resume: "paused", restart: "down" } as const;
    if (server.state !== needed[verb] && !(verb === "kill" && server.state === "paused")) {
      done(`Server ${server.id} is ${server.state}`);
      return;
    }
    const { id, role } = server;
    if (verb === "kill") {
      this.#tell({ event: "killed", server: id, role });
      this.#stage.kill(id, done);
    } else if (verb === "restart") {
      this.#stage.restart(id, done);
    } else if (verb === "pause") {
      this.#tell({ event: "paused", server: id, role });
      this.#stage.pause(id);
      done(null);
    } else {
      this.#tell({ event: "resumed", server: id });
      this.#stage.resume(id);
      done(null);
    }
  }

  /** The network is mended, who is paused goes on, who is down starts again. */
  #heal(done: Done): void {
    const servers = this.#stage.servers();
    if (servers.some(({ id }) => servers.some((other) => !this.#stage.connected(id, other.id)))) {
      this.#stage.mend();
      this.#tell({ event: "healed" });
    }
    for (const { id } of servers.filter(({ state }) => state === "paused")) {
      this.#tell({ event: "resumed", server: id });
      this.#stage.resume(id);
    }
    this.#restartAll(
      servers.filter(({ state }) => state === "down").map(({ id }) => id),
      done,
    );
  }

  #restartAll([id, ...rest]: readonly number[], done: Done): void {
    if (id === undefined) {
      done(null);
      return;
    }
    this.#stage.restart(id, (problem) => (problem === null ? this.#restartAll(rest, done) : done(problem)));
  }

  #partition(targets: readonly (readonly Target[])[], done: Done): void {
    const groups: number[][] = [];
    const named = new Set<number>();
    for (const group of targets) {
      const ids: number[] = [];
      for (const target of group) {
        const server = this.#find(target);
        if (typeof server === "string" || named.has(server.id)) {
          done(typeof server === "string" ? server : `Server ${server.id} is named twice`);
          return;
        }
        named.add(server.id);
        ids.push(server.id);
      }
      groups.push(ids);
    }
    const rest = this.#stage.servers().filter(({ id, state }) => !named.has(id) && state !== "removed");
    const all = rest.length === 0 ? groups : [...groups, rest.map(({ id }) => id)];
    this.#stage.partition(all);
    this.#tell({ event: "partitioned", groups: all });
    done(null);
  }

  #askLeader(action: Extract<Action, { do: "transfer" | "add" | "write" | "remove" }>, done: Done): void {
    const leader = this.#leader();
    if (leader === null) {
      done("nobody leads");
      return;
    }
    switch (action.do) {
      case "transfer":
        this.#transfer(leader.id, action.target, done);
        return;
      case "add":
        this.#add(leader.id, done);
        return;
      case "remove":
        this.#remove(leader.id, action.target, done);
        return;
      case "write":
        this.#stage.write(leader.id, action.count, (problem, index) => {
          if (problem === null) {
            this.#tell({ event: "written", server: leader.id, count: action.count, index });
          }
          done(problem);
        });
    }
  }

  #transfer(leader: number, target: Target | null, done: Done): void {
    const heir = target === null ? null : this.#find(target);
    if (typeof heir === "string") {
      done(heir);
      return;
    }
    this.#tell({ event: "transfer", server: leader, to: heir?.id ?? null });
    this.#stage.transfer(leader, heir?.id ?? null, done);
  }

  #add(leader: number, done: Done): void {
    this.#stage.add(leader, (problem, id) => {
      if (problem !== null) {
        done(problem);
        return;
      }
      const isVoter = (): boolean => this.#leader()?.voters.includes(id) === true;
      this.#until(`Server ${id} has not caught up`, isVoter, done);
    });
  }

  #remove(leader: number, target: Target, done: Done): void {
    const server = this.#find(target);
    if (typeof server === "string" || server.state === "removed") {
      done(typeof server === "string" ? server : `Server ${server.id} is removed already`);
      return;
    }
    this.#stage.remove(leader, server.id, done);
  }

  /** The server that is meant, or why there is none. */
  #find(target: Target): ServerView | string {
    const servers = this.#stage.servers();
    if (target === "leader") {
      return this.#leader() ?? "nobody leads";
    }
    if (target === "follower") {
      const leader = this.#leader();
      const follower = servers.find(({ id, state }) => state === "running" && id !== leader?.id);
      return follower ?? "nobody follows";
    }
    return servers.find(({ id }) => id === target) ?? `there is no Server ${target}`;
  }

  /** The running leader of the highest term: one that was cut off may not know yet that it is none. */
  #leader(): ServerView | null {
    const leaders = this.#stage
      .servers()
      .filter(({ role, state }) => state === "running" && role === "leader")
      .sort((left, right) => right.term - left.term);
    return leaders[0] ?? null;
  }

  /** The leader that every running voter which it can reach follows, these being a majority; a removed one leads on only to hand over. */
  #settledLeader(): ServerView | null {
    const leader = this.#leader();
    if (leader === null || !leader.voters.includes(leader.id)) {
      return null;
    }
    const reached = this.#stage
      .servers()
      .filter(({ id, state }) => state === "running" && leader.voters.includes(id))
      .filter(({ id }) => this.#stage.connected(leader.id, id));
    const follow = reached.filter((server) => server.leader === leader.id && server.term === leader.term);
    return follow.length === reached.length && 2 * follow.length > leader.voters.length ? leader : null;
  }

  #until(problem: string, condition: () => boolean, done: Done): void {
    const endMs = this.#stage.nowMs + patienceMs;
    const look = (): void => {
      if (condition()) {
        done(null);
      } else if (this.#stage.nowMs > endMs) {
        done(`${problem} after ${patienceMs / 1000} s`);
      } else {
        this.#stage.after(pollMs, look);
      }
    };
    look();
  }
}
