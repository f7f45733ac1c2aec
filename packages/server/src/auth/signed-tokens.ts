/**
 * JSON Web Tokens. The method of signing is fixed by the flag, and what a token says of its own method is only compared with
 * it: neither `none`, nor a public key taken for a secret, nor a key named in the token gets anywhere.
 */
import { createPrivateKey, createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import type { SignedTokenPort } from "@quorate/etcd";
import { jwtVerify, SignJWT } from "jose";
import { CommandError, exitCode } from "../cli/exit-code.ts";
import type { AuthTokenSetting, SignMethod } from "./auth-token.ts";

type JwtSetting = Extract<AuthTokenSetting, { readonly kind: "jwt" }>;

/** What a valid token says. */
interface Found {
  readonly user: string;
  readonly authRevision: number;
}

interface Remembered extends Found {
  /** Null: it never ends. */
  readonly expiresMs: number | null;
}

/** Valid tokens that are remembered. PERF: checking a signature for each request costs more than serving it. */
const rememberedMax = 1000;

/** Longest token that is looked at. */
const tokenCharsMax = 8192;

/**
 * Makes the port. `failed` is told should signing fail with a key that was found good.
 *
 * @throws CommandError when a key cannot be read or does not fit the method.
 */
export function createSignedTokens(setting: JwtSetting, failed: (error: unknown) => void): SignedTokenPort {
  const keys = readKeys(setting);
  const remembered = new Map<string, Remembered>();
  return {
    sign(user, authRevision, done) {
      if (keys.sign === null) {
        done(null);
        return;
      }
      const expiresSeconds = Math.floor((Date.now() + setting.ttlMs) / 1000);
      new SignJWT({ username: user, revision: authRevision })
        .setProtectedHeader({ alg: setting.signMethod, typ: "JWT" })
        .setExpirationTime(expiresSeconds)
        .sign(keys.sign)
        .then(done, failed);
    },
    verify(token, done) {
      const known = recall(remembered, token);
      if (known !== null || token.length > tokenCharsMax) {
        done(known);
        return;
      }
      verify(token, keys.verify, setting.signMethod).then(
        (found) => {
          if (found !== null) {
            remember(remembered, token, found);
          }
          done(found);
        },
        // Whatever is wrong with it: it proves nothing.
        () => done(null),
      );
    },
  };
}

async function verify(token: string, key: KeyObject, method: SignMethod): Promise<Remembered | null> {
  const { payload } = await jwtVerify(token, key, { algorithms: [method] });
  const { exp, revision, username } = payload;
  if (typeof username !== "string" || typeof revision !== "number" || !Number.isSafeInteger(revision)) {
    return null;
  }
  return {
    user: username,
    authRevision: revision,
    expiresMs: exp === undefined ? null : exp * 1000,
  };
}

/** The one that was used longest ago comes first. */
function recall(remembered: Map<string, Remembered>, token: string): Remembered | null {
  const known = remembered.get(token);
  if (known === undefined) {
    return null;
  }
  remembered.delete(token);
  if (known.expiresMs !== null && known.expiresMs <= Date.now()) {
    return null;
  }
  remembered.set(token, known);
  return known;
}

function remember(remembered: Map<string, Remembered>, token: string, found: Remembered): void {
  remembered.set(token, found);
  const [oldest] = remembered.keys();
  if (remembered.size > rememberedMax && oldest !== undefined) {
    remembered.delete(oldest);
  }
}

interface Keys {
  readonly verify: KeyObject;
  /** Null where there is only the key to check with. */
  readonly sign: KeyObject | null;
}

const keyTypes: { readonly [prefix: string]: string } = { RS: "rsa", PS: "rsa", ES: "ec", Ed: "ed25519" };

function readKeys(setting: JwtSetting): Keys {
  const { privateKeyFile, publicKeyFile, signMethod } = setting;
  if (signMethod.startsWith("HS")) {
    const secret = readKey(privateKeyFile, createSecretKey);
    return { verify: secret, sign: secret };
  }
  const sign = privateKeyFile === "" ? null : readKey(privateKeyFile, createPrivateKey);
  // ETCD: with a private key, the public one is what belongs to it.
  const check = sign === null ? readKey(publicKeyFile, createPublicKey) : createPublicKey(sign);
  if (sign !== null && publicKeyFile !== "" && !check.equals(readKey(publicKeyFile, createPublicKey))) {
    throw failure(`${publicKeyFile} is not the public key of ${privateKeyFile}`);
  }
  const problem = keyProblem(check, signMethod);
  if (problem !== null) {
    throw failure(problem);
  }
  return { verify: check, sign };
}

const curves: { readonly [method: string]: string } = {
  ES256: "prime256v1",
  ES384: "secp384r1",
  ES512: "secp521r1",
};

/** What the library asks of keys, asked at the start. */
function keyProblem(key: KeyObject, method: SignMethod): string | null {
  const { modulusLength = 0, namedCurve } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType !== keyTypes[method.slice(0, 2)]) {
    return `a key of type ${key.asymmetricKeyType} cannot sign by ${method}`;
  }
  if (key.asymmetricKeyType === "rsa" && modulusLength < 2048) {
    return `an RSA key needs 2048 bits or more (has ${modulusLength})`;
  }
  const curve = curves[method];
  return curve === undefined || curve === namedCurve
    ? null
    : `${method} needs a key of curve ${curve}, not ${namedCurve}`;
}

function readKey(file: string, read: (bytes: Buffer) => KeyObject): KeyObject {
  try {
    return read(readFileSync(file));
  } catch (error) {
    throw failure(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function failure(why: string): CommandError {
  return new CommandError(`--auth-token: ${why}`, exitCode.failure);
}
