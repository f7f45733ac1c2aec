/** The few messages of etcd's API that load generators say and hear, by hand, and no more of them than is asked for. */

/** Cuts what comes on a stream into gRPC messages. */
export class MessageCutter {
  readonly #onMessage: (bytes: Buffer, start: number, end: number) => void;
  #rest: Buffer = Buffer.alloc(0);

  constructor(onMessage: (bytes: Buffer, start: number, end: number) => void) {
    this.#onMessage = onMessage;
  }

  push(piece: Buffer, start: number, end: number): void {
    let bytes = piece;
    let at = start;
    let until = end;
    if (this.#rest.length > 0) {
      bytes = Buffer.concat([this.#rest, piece.subarray(start, end)]);
      at = 0;
      until = bytes.length;
    }
    while (until - at >= 5) {
      const next = at + 5 + bytes.readUInt32BE(at + 1);
      if (next > until) {
        break;
      }
      this.#onMessage(bytes, at + 5, next);
      at = next;
    }
    this.#rest = at === until ? emptyBuffer : Buffer.from(bytes.subarray(at, until));
  }
}

const emptyBuffer = Buffer.alloc(0);
const wireVarint = 0;
const wireBytes = 2;

/** Calls `see` with each field: its number and value, or for bytes where they begin, and where the field ends. */
function eachField(
  bytes: Buffer,
  start: number,
  end: number,
  see: (field: number, value: number, at: number, next: number) => void,
): void {
  let at = start;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * scale;
      if (byte < 128) {
        return value;
      }
    }
  };
  while (at < end) {
    const tag = varint();
    const type = tag & 7;
    if (type !== wireVarint && type !== wireBytes) {
      throw new Error(`a field of wire type ${type}: no message of etcd has one here`);
    }
    const value = varint();
    const next = type === wireBytes ? at + value : at;
    see(tag >>> 3, value, at, next);
    at = next;
  }
}

/** What a WatchResponse says. */
interface WatchNews {
  readonly created: boolean;
  readonly canceled: boolean;
  readonly events: number;
}

/** Fields 3, 4 and 11 of a WatchResponse. */
export function readWatchResponse(bytes: Buffer, start: number, end: number): WatchNews {
  let created = false;
  let canceled = false;
  let events = 0;
  eachField(bytes, start, end, (field, value) => {
    created ||= field === 3 && value === 1;
    canceled ||= field === 4 && value === 1;
    events += field === 11 ? 1 : 0;
  });
  return { created, canceled, events };
}

/** The id of a LeaseGrantResponse, as the bytes of its field. */
export function leaseIdField(bytes: Buffer, start: number, end: number): Buffer {
  let found: Buffer | null = null;
  let before = start;
  eachField(bytes, start, end, (field, _value, _at, next) => {
    if (field === 2) {
      found = Buffer.from(bytes.subarray(before, next));
    }
    before = next;
  });
  if (found === null) {
    throw new Error("a grant without an id");
  }
  return found;
}

/** The time that a LeaseKeepAliveResponse leaves, in seconds; 0 for a lease that is gone. */
export function readKeepAlive(bytes: Buffer, start: number, end: number): number {
  let ttlSeconds = 0;
  eachField(bytes, start, end, (field, value) => {
    ttlSeconds = field === 3 ? value : ttlSeconds;
  });
  return ttlSeconds;
}

function bytesField(field: number, value: Uint8Array): Buffer {
  if (value.length > 127) {
    throw new Error("a field whose length takes more than a byte");
  }
  return Buffer.concat([Buffer.from([field * 8 + wireBytes, value.length]), value]);
}

/** A WatchRequest that makes a watcher of one key, from now on. */
export function watchKey(key: Uint8Array): Buffer {
  return bytesField(1, bytesField(1, key));
}

export function putRequest(key: Uint8Array, value: Uint8Array): Buffer {
  return Buffer.concat([bytesField(1, key), bytesField(2, value)]);
}

/** A LeaseGrantRequest for 100 seconds, as etcd's benchmark asks. */
export const grantRequest: Buffer = Buffer.from([1 * 8 + wireVarint, 100]);

/** A LeaseKeepAliveRequest for the lease whose id a grant told. */
export function keepAliveRequest(idField: Buffer): Buffer {
  const request = Buffer.from(idField);
  request[0] = 1 * 8 + wireVarint;
  return request;
}
