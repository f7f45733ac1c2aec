/** Commands on members and endpoints. */
import type { CtlCommand } from "../command-tree.ts";
import type { CtlFlag } from "../flags.ts";

const ofCluster: CtlFlag = {
  name: "cluster",
  kind: "bool",
  help: "Ask every member that the member list names.",
};
const peerUrls = (whose: string): CtlFlag => ({
  name: "peer-urls",
  kind: "string",
  help: `Peer URLs of the ${whose} member, divided by commas.`,
});
const consistency: CtlFlag = {
  name: "consistency",
  kind: "string",
  preset: "l",
  help: "l: linearizable. s: what one member knows, maybe stale.",
};

/** member …, endpoint …, move-leader, downgrade. */
export const clusterCommands: readonly CtlCommand[] = [
  {
    words: ["member", "add"],
    usage: "<memberName> [options]",
    summary: "Add a member to the cluster, and print what it is to be started with.",
    examples: [
      "member add m4 --peer-urls=http://10.0.0.4:2380",
      "member add m4 --learner --peer-urls=http://10.0.0.4:2380",
    ],
    flags: [
      peerUrls("new"),
      { name: "learner", kind: "bool", help: "As one that receives the log and does not vote." },
    ],
    run: async (context) => (await import("../work/member.ts")).memberAdd(context),
  },
  {
    words: ["member", "promote"],
    usage: "<memberID>",
    summary: "Make a learner a voter.",
    run: async (context) => (await import("../work/member.ts")).memberPromote(context),
  },
  {
    words: ["member", "remove"],
    usage: "<memberID>",
    summary: "Remove a member from the cluster.",
    run: async (context) => (await import("../work/member.ts")).memberRemove(context),
  },
  {
    words: ["member", "update"],
    usage: "<memberID> [options]",
    summary: "Change the peer URLs of a member.",
    examples: ["member update 8e9e05c52164694d --peer-urls=http://10.0.0.5:2380"],
    flags: [peerUrls("changed")],
    run: async (context) => (await import("../work/member.ts")).memberUpdate(context),
  },
  {
    words: ["member", "list"],
    usage: "",
    summary: "Print the members.",
    details: "Simple output: id, status, name, peer addresses, client addresses, whether it is a learner.",
    examples: ["member list -w table"],
    flags: [consistency],
    run: async (context) => (await import("../work/member.ts")).memberList(context),
  },
  {
    words: ["endpoint", "health"],
    usage: "",
    summary: "Read through each endpoint, and say whether that worked.",
    examples: ["endpoint health --cluster"],
    flags: [ofCluster],
    run: async (context) => (await import("../work/endpoint.ts")).endpointHealth(context),
  },
  {
    words: ["endpoint", "status"],
    usage: "",
    summary: "Print what each endpoint's member says of itself.",
    examples: ["endpoint status --cluster -w table"],
    flags: [ofCluster],
    run: async (context) => (await import("../work/endpoint.ts")).endpointStatus(context),
  },
  {
    words: ["endpoint", "hashkv"],
    usage: "",
    summary: "Print the hash of each member's history of keys; at one revision all must be equal.",
    examples: ["endpoint hashkv --cluster --rev 1234"],
    flags: [ofCluster, { name: "rev", kind: "int", help: "Highest revision to hash; 0: all." }],
    run: async (context) => (await import("../work/endpoint.ts")).endpointHashKv(context),
  },
  {
    words: ["move-leader"],
    usage: "<transferee-member-id>",
    summary: "Hand leadership to another member. One of --endpoints must lead.",
    examples: ["move-leader 8e9e05c52164694d"],
    run: async (context) => (await import("../work/move-leader.ts")).moveLeader(context),
  },
  ...(["validate", "enable", "cancel"] as const).map(
    (action): CtlCommand => ({
      words: ["downgrade", action],
      usage: action === "cancel" ? "" : "<TARGET_VERSION>",
      summary: {
        validate: "Say whether the cluster could go down to a version.",
        enable: "Begin to go down to a version.",
        cancel: "Take that back.",
      }[action],
      run: async (context) => (await import("../work/downgrade.ts")).downgrade(context, action),
    }),
  ),
];
