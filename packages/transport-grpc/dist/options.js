/** What a gRPC transport is given, what it limits, and what it tells. The node gives all of it but limits and credentials. */
/** Limits for members on one local network. */
export const grpcLimitsDefault = {
    bulkBytesMax: 64 * 1024 * 1024,
    urgentBytesMax: 8 * 1024 * 1024,
    streamBytesMax: 1024 * 1024,
    handshakeTimeoutMs: 5000,
    handshakeBytesMax: 16 * 1024,
    strangersMax: 64,
    pingIntervalMs: 3000,
    silenceMs: 12_000,
    reconnectMsMin: 20,
    reconnectMsMax: 1000,
    closeMs: 1000,
};
//# sourceMappingURL=options.js.map