/** Who this member is, where its data lies, where it listens. */
import type { FlagRows } from "../flag-row.ts";
import type { ServerUrl } from "../server-url.ts";
import {
  booleanKind,
  clientUrlsKind,
  defaultUrls,
  namedTextKind,
  optionalUrlsKind,
  textKind,
  urlsKind,
} from "../value-kind.ts";

/** The settings of this group. */
export interface MemberValues {
  readonly name: string;
  /** Empty: `<name>.etcd` beside the working directory, as etcd does. */
  readonly dataDir: string;
  readonly listenClientUrls: readonly ServerUrl[];
  /** Where HTTP is served instead of on the client URLs; none: there. */
  readonly listenClientHttpUrls: readonly ServerUrl[];
  readonly listenPeerUrls: readonly ServerUrl[];
  readonly socketReusePort: boolean;
}

/** Its rows. */
export const memberFlags: FlagRows<MemberValues> = {
  name: {
    name: "name",
    group: "Member",
    kind: namedTextKind("<name>"),
    defaultValue: "default",
    etcdDefault: "default",
    isEtcds: true,
    help: "Human-readable name of this member, as it stands in --initial-cluster.",
  },
  dataDir: {
    name: "data-dir",
    group: "Member",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "<name>.etcd",
    isEtcds: true,
    differs: "what lies in the folder has a form of its own",
    help: "Folder of everything durable. Empty: <name>.etcd in the working directory.",
  },
  listenClientUrls: {
    name: "listen-client-urls",
    group: "Member",
    kind: clientUrlsKind,
    defaultValue: defaultUrls("http://localhost:2379"),
    etcdDefault: "http://localhost:2379",
    isEtcds: true,
    differs: "unixs://, TLS at a unix socket, is refused",
    help: "Where clients connect: gRPC and HTTP on the same port, or at a unix socket, unix://file.",
  },
  listenClientHttpUrls: {
    name: "listen-client-http-urls",
    group: "Member",
    kind: optionalUrlsKind,
    defaultValue: [],
    etcdDefault: "",
    isEtcds: true,
    help: "Where HTTP is served to clients; --listen-client-urls then take gRPC only.",
  },
  listenPeerUrls: {
    name: "listen-peer-urls",
    group: "Member",
    kind: urlsKind,
    defaultValue: defaultUrls("http://localhost:2380"),
    etcdDefault: "http://localhost:2380",
    isEtcds: true,
    differs:
      "one URL; the peers speak a protocol of their own, so that members here and etcd's cannot form one cluster",
    help: "Where the other members connect. The peers speak a protocol of their own over TCP, not HTTP.",
  },
  socketReusePort: {
    name: "socket-reuse-port",
    group: "Member",
    kind: booleanKind,
    defaultValue: false,
    etcdDefault: "false",
    isEtcds: true,
    differs: "for the client listeners only",
    help: "Lets another process listen at the same client addresses (SO_REUSEPORT).",
  },
};
