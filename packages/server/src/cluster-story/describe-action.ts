/** An action in words, for saying that it cannot be done. */
import type { Action, Target } from "./script.ts";

/** `kill Server 2`. */
export function describeAction(action: Action): string {
  switch (action.do) {
    case "partition":
      return `partition ${action.groups.map((group) => group.map(describeTarget).join(", ")).join(" | ")}`;
    case "transfer":
      return `transfer leadership${action.target === null ? "" : ` to ${describeTarget(action.target)}`}`;
    case "add":
      return "add a server";
    case "kill":
    case "pause":
    case "resume":
    case "restart":
    case "remove":
      return `${action.do} ${describeTarget(action.target)}`;
    default:
      return action.do;
  }
}

function describeTarget(target: Target): string {
  return typeof target === "number" ? `Server ${target}` : `the ${target}`;
}
