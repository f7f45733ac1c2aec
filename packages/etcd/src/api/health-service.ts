/**
 * grpc.health.v1.Health. ETCD: a member without a leader still serves: a probe that restarted it would only make an outage
 * longer. Whether it can answer linearizable reads is asked over HTTP.
 */
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  HealthCheckRequestSchema,
  HealthCheckResponseSchema,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "#generated/health_pb.js";
import type { ApiCall, StreamApiCall, UnaryApiCall } from "../ports.ts";
import type { ApiContext } from "./context.ts";
import { decodeMessage, decodeOrFail } from "./failures.ts";

const codeNotFound = 5;

function encodeStatus(status: ServingStatus): Uint8Array {
  return toBinary(HealthCheckResponseSchema, create(HealthCheckResponseSchema, { status }));
}

/** Health checks of one server. */
export class HealthService {
  readonly #context: ApiContext;
  readonly #services: ReadonlySet<string>;
  /** Whether each knows its service. */
  readonly #watchers = new Map<StreamApiCall, boolean>();

  /** @param services names a check may ask for, beside the empty one. */
  constructor(context: ApiContext, services: ReadonlySet<string>) {
    this.#context = context;
    this.#services = services;
  }

  /** Health.Check. */
  check(input: Uint8Array, call: UnaryApiCall): void {
    const service = this.#service(input, call);
    if (service === null) {
      return;
    }
    if (this.#knows(service)) {
      call.respond(encodeStatus(this.#status()));
    } else {
      call.fail(codeNotFound, "unknown service");
    }
  }

  /** Health.Watch: the status now, and again when it changes. An unknown service is told, not refused. */
  watch(input: Uint8Array, call: StreamApiCall): void {
    const service = this.#service(input, call);
    if (service === null) {
      return;
    }
    const isKnown = this.#knows(service);
    call.onCancel(() => this.#watchers.delete(call));
    this.#watchers.set(call, isKnown);
    call.write(encodeStatus(isKnown ? this.#status() : ServingStatus.SERVICE_UNKNOWN));
  }

  /** Tells watchers that the server stops, and ends their streams. */
  stop(): void {
    for (const [call, isKnown] of this.#watchers) {
      if (isKnown) {
        call.write(encodeStatus(ServingStatus.NOT_SERVING));
      }
      call.end();
    }
    this.#watchers.clear();
  }

  #service(input: Uint8Array, call: ApiCall): string | null {
    const decode = (bytes: Uint8Array): string =>
      decodeMessage(() => fromBinary(HealthCheckRequestSchema, bytes)).service;
    return decodeOrFail(call, input, decode);
  }

  #knows(service: string): boolean {
    return service === "" || this.#services.has(service);
  }

  #status(): ServingStatus {
    return this.#context.stopped ? ServingStatus.NOT_SERVING : ServingStatus.SERVING;
  }
}
