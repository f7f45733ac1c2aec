/** How the cluster is formed, joined and changed. */
import type { FlagRows } from "../flag-row.ts";
import type { ServerUrl } from "../server-url.ts";
import {
  booleanKind,
  choiceKind,
  clientUrlsKind,
  defaultUrls,
  integerKind,
  namedTextKind,
  textKind,
  urlsKind,
} from "../value-kind.ts";

/** The settings of this group. */
export interface ClusteringValues {
  readonly advertiseClientUrls: readonly ServerUrl[];
  readonly initialAdvertisePeerUrls: readonly ServerUrl[];
  /** `name=url,name=url,…`; empty: this member alone. */
  readonly initialCluster: string;
  readonly initialClusterState: "new" | "existing";
  readonly initialClusterToken: string;
  readonly strictReconfigCheck: boolean;
  readonly maxLearners: number;
}

/** Its rows. */
export const clusteringFlags: FlagRows<ClusteringValues> = {
  advertiseClientUrls: {
    name: "advertise-client-urls",
    group: "Clustering",
    kind: clientUrlsKind,
    defaultValue: defaultUrls("http://localhost:2379"),
    etcdDefault: "http://localhost:2379",
    isEtcds: true,
    help: "Client URLs told to the rest of the cluster. Required when --listen-client-urls is set.",
  },
  initialAdvertisePeerUrls: {
    name: "initial-advertise-peer-urls",
    group: "Clustering",
    kind: urlsKind,
    defaultValue: defaultUrls("http://localhost:2380"),
    etcdDefault: "http://localhost:2380",
    isEtcds: true,
    help: "Peer URLs of this member as the others reach it. They must be its URLs in --initial-cluster; the member id is made of them.",
  },
  initialCluster: {
    name: "initial-cluster",
    group: "Clustering",
    kind: textKind,
    defaultValue: "",
    etcdDefault: "default=http://localhost:2380",
    isEtcds: true,
    help: "All first members as name=peer-url, divided by commas; a name with several URLs is repeated. Empty: this member alone. Read only while the data directory is empty.",
  },
  initialClusterState: {
    name: "initial-cluster-state",
    group: "Clustering",
    kind: choiceKind(["new", "existing"]),
    defaultValue: "new",
    etcdDefault: "new",
    isEtcds: true,
    differs: "a joiner asks the members again for some seconds, where etcd asks once",
    help: "new: form a cluster. existing: join one that this member was added to, or restart with data.",
  },
  initialClusterToken: {
    name: "initial-cluster-token",
    group: "Clustering",
    kind: namedTextKind("<token>"),
    defaultValue: "etcd-cluster",
    etcdDefault: "etcd-cluster",
    isEtcds: true,
    differs:
      "it is recorded with the data, and another one is refused at the next start; etcd looks at it only once",
    help: "Keeps clusters with equal URLs apart: part of every id. A data directory of another token is refused.",
  },
  strictReconfigCheck: {
    name: "strict-reconfig-check",
    group: "Clustering",
    kind: booleanKind,
    defaultValue: true,
    etcdDefault: "true",
    isEtcds: true,
    help: "Refuse to add, remove or promote a member where that would put the quorum at risk.",
  },
  maxLearners: {
    name: "max-learners",
    group: "Clustering",
    kind: integerKind("count", 1, 1000),
    defaultValue: 1,
    etcdDefault: "1",
    isEtcds: true,
    help: "Learners that may be members at once.",
  },
};
