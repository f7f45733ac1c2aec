/** What --auth-token takes, and what it says of what it does not take. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { authTokenKind } from "../../src/auth/auth-token.ts";

test("simple, and jwt with etcd's options", () => {
  assert.deepEqual(authTokenKind.parse("simple"), { value: { kind: "simple" } });
  const text = "jwt,pub-key=/a.pub,priv-key=/a.key,sign-method=RS256,ttl=1h30m";
  assert.deepEqual(authTokenKind.parse(text), {
    value: {
      kind: "jwt",
      signMethod: "RS256",
      publicKeyFile: "/a.pub",
      privateKeyFile: "/a.key",
      ttlMs: 90 * 60_000,
      text,
    },
  });
  const parsed = authTokenKind.parse("jwt,sign-method=ES256,pub-key=/a.pub");
  assert.ok("value" in parsed && parsed.value.kind === "jwt");
  assert.equal(parsed.value.ttlMs, 5 * 60_000, "etcd's 5 minutes");
  assert.equal(authTokenKind.format(parsed.value), "jwt,sign-method=ES256,pub-key=/a.pub");
});

for (const [text, problem] of [
  ["", /needs simple/],
  ["paseto", /needs simple/],
  ["simple,ttl=1m", /needs simple/],
  ["jwt", /needs a sign-method of HS256/],
  ["jwt,sign-method=none,priv-key=/k", /not "none"/],
  ["jwt,sign-method=RS256", /needs a priv-key or a pub-key/],
  ["jwt,sign-method=HS256,pub-key=/k", /needs a priv-key$/],
  ["jwt,sign-method=RS256,priv-key=/k,ttl=0s", /needs a ttl/],
  ["jwt,sign-method=RS256,priv-key=/k,ttl=soon", /needs a ttl/],
  ["jwt,sign-method=RS256,priv-key=/k,kid=1", /no option "kid=1"/],
  ["jwt,sign-method=RS256,priv-key=/k,priv-key=/l", /has priv-key twice/],
  ["jwt,sign-method", /no option "sign-method"/],
  ["jwt,sign-method=RS256,priv-key=a=b", /no option "priv-key=a=b"/],
] as const) {
  test(`refused: ${text}`, () => {
    const parsed = authTokenKind.parse(text);
    assert.ok("problem" in parsed);
    assert.match(parsed.problem, problem);
  });
}
