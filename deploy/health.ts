/** The health check of an image: exit code 0 when the instance in this container knows a leader. */
const answer = await fetch(`http://127.0.0.1:${process.env["PORT"] ?? "8001"}/health`, {
  signal: AbortSignal.timeout(2000),
}).catch((error: unknown) => error);
process.exitCode = answer instanceof Response && answer.ok ? 0 : 1;

export {};
