/** One flag of etcd that is not honoured. */

/** Its name, and why. */
export interface OtherFlag {
  readonly name: string;
  readonly type: "text" | "switch" | "time";
  /** What etcd 3.7 takes when the flag is not given. To ask for that is to ask for nothing. */
  readonly etcdDefault: string;
  /** Why it has no effect or is refused, and what to do instead: a phrase that follows the flag's name. */
  readonly why: string;
}
