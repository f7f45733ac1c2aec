/** One member and its leases. */
import assert from "node:assert/strict";
import type { ApiOptions } from "@quorate/etcd";
import {
  LeaseGrantRequestSchema,
  LeaseGrantResponseSchema,
  LeaseLeasesRequestSchema,
  LeaseLeasesResponseSchema,
  LeaseRevokeRequestSchema,
  LeaseRevokeResponseSchema,
  LeaseTimeToLiveRequestSchema,
  LeaseTimeToLiveResponseSchema,
} from "@quorate/etcd/messages";
import { encodeCommand } from "@quorate/kv";
import { type FakeStream, Member, string, text } from "../api/fixture.ts";

/** The member's own id. */
export const self = 2 ** 53 - 1;

/** A member whose clock and leadership a test holds in its hands. */
export class Leased extends Member {
  nowMs = 1000;

  constructor(overrides: Partial<ApiOptions> = {}) {
    super(overrides);
    this.lead(7);
  }

  lead(term: number): void {
    this.status = { ...this.status, leader: self, term };
    this.entryTerm = Math.max(this.entryTerm, term);
    this.api.tick(this.nowMs);
  }

  follow(term: number): void {
    this.status = { ...this.status, leader: 9, term };
    this.entryTerm = Math.max(this.entryTerm, term);
    this.api.tick(this.nowMs);
  }

  pass(ms: number): void {
    const untilMs = this.nowMs + ms;
    while (this.nowMs < untilMs) {
      this.nowMs = Math.min(untilMs, this.nowMs + 50);
      this.api.tick(this.nowMs);
    }
  }

  grant(ID: bigint, TTL: bigint) {
    return this.ask(
      "/etcdserverpb.Lease/LeaseGrant",
      LeaseGrantRequestSchema,
      { ID, TTL },
      LeaseGrantResponseSchema,
    );
  }

  revoke(ID: bigint): void {
    const path = "/etcdserverpb.Lease/LeaseRevoke";
    this.ask(path, LeaseRevokeRequestSchema, { ID }, LeaseRevokeResponseSchema);
  }

  timeToLive(ID: bigint): { ttl: bigint; granted: bigint; keys: string[] } {
    const request = { ID, keys: true };
    const path = "/etcdserverpb.Lease/LeaseTimeToLive";
    const answer = this.ask(path, LeaseTimeToLiveRequestSchema, request, LeaseTimeToLiveResponseSchema);
    assert.equal(answer.ID, ID);
    return { ttl: answer.TTL, granted: answer.grantedTTL, keys: answer.keys.map(string) };
  }

  leases(): bigint[] {
    const path = "/etcdserverpb.Lease/LeaseLeases";
    return this.ask(path, LeaseLeasesRequestSchema, {}, LeaseLeasesResponseSchema).leases.map(({ ID }) => ID);
  }

  put(key: string, lease: bigint): void {
    const flags = { prevKv: false, ignoreValue: false, ignoreLease: false };
    this.apply(encodeCommand({ type: "put", key: text(key), value: text("v"), lease, ...flags }), () => {});
  }

  keepAlive(): FakeStream {
    return this.stream("/etcdserverpb.Lease/LeaseKeepAlive");
  }
}
