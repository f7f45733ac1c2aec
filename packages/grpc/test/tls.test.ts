/** TLS: ALPN chooses between gRPC and HTTP/1.1 on one port. The certificate is for tests only and expires in 2126. */
import assert from "node:assert/strict";
import { request } from "node:https";
import { createGrpcClient } from "@quorate/grpc";
import { both, echo, serve } from "./fixture.ts";

const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgGnrkM48qatwMiBnj
mYZMc5w5vqAiH0IKHdH6EF1SbPGhRANCAATNd0nF1Yzl1VJMp82yGdu+GvKKRXfi
1N1klRwalFvTLrteJnAUru8wssGUFFFgyVQnIZJEZOGGZN7uLBWKTcBx
-----END PRIVATE KEY-----
`;
const certificate = `-----BEGIN CERTIFICATE-----
MIIBnDCCAUGgAwIBAgIUJQqZ4rBG9ou2ngeMNmdDdJVYC5YwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTEwMTg1MFoYDzIxMjYxMDI4
MTAxODUwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAATNd0nF1Yzl1VJMp82yGdu+GvKKRXfi1N1klRwalFvTLrteJnAUru8w
ssGUFFFgyVQnIZJEZOGGZN7uLBWKTcBxo28wbTAdBgNVHQ4EFgQUBPUSW+eGPGKc
r+9qH4cAHmj3xHcwHwYDVR0jBBgwFoAUBPUSW+eGPGKcr+9qH4cAHmj3xHcwDwYD
VR0TAQH/BAUwAwEB/zAaBgNVHREEEzARgglsb2NhbGhvc3SHBH8AAAEwCgYIKoZI
zj0EAwIDSQAwRgIhANOMbNH4NWAud9vpMEwjrB76yn86W0PToCIBCyvDhzWsAiEA
7zLbERlLcHUyyuP5Ey5vHvAbLaBtgaQwvzZj3+zJ8T0=
-----END CERTIFICATE-----
`;

both("gRPC and HTTPS on one TLS port", async (context) => {
  const { port } = await serve(
    context,
    { "/test.Echo/Say": echo },
    { tls: { certificate, key }, onHttp: (one) => one.respond(200, {}, one.target) },
  );
  const client = createGrpcClient(`https://127.0.0.1:${port}`, {
    tls: { certificateAuthority: certificate },
  });
  context.after(() => client.close());
  assert.deepEqual([...(await client.request("/test.Echo/Say", new Uint8Array([4, 2])))], [4, 2]);
  const text = await new Promise<string>((resolve, reject) => {
    const ask = request(
      { host: "127.0.0.1", port, path: "/health", ca: certificate, agent: false },
      (answer) => {
        let body = "";
        answer.on("data", (chunk: Buffer) => {
          body += chunk.toString();
        });
        answer.on("end", () => resolve(body));
      },
    );
    ask.on("error", reject);
    ask.end();
  });
  assert.equal(text, "/health");
});

both("a client that does not trust the certificate gets UNAVAILABLE, the server goes on", async (context) => {
  const { port } = await serve(context, { "/test.Echo/Say": echo }, { tls: { certificate, key } });
  const stranger = createGrpcClient(`https://127.0.0.1:${port}`);
  context.after(() => stranger.close());
  await assert.rejects(stranger.request("/test.Echo/Say", new Uint8Array(1)), { code: 14 });
  const client = createGrpcClient(`https://127.0.0.1:${port}`, {
    tls: { certificateAuthority: certificate },
  });
  context.after(() => client.close());
  await client.request("/test.Echo/Say", new Uint8Array(1));
});
