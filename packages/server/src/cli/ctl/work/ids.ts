/** Ids as people write them: hexadecimal. */
import { badArguments } from "../ctl-error.ts";

/** A lease's id. @throws CtlError where `text` is none; `what` names it. */
export function parseLeaseId(text: string, what = "lease ID arg"): bigint {
  if (!/^-?[0-9a-f]{1,16}$/i.test(text)) {
    throw badArguments(`bad ${what} ("${text}" is not a number), expecting ID in Hex`);
  }
  const value = text.startsWith("-") ? -BigInt(`0x${text.slice(1)}`) : BigInt(`0x${text}`);
  if (BigInt.asIntN(64, value) !== value) {
    throw badArguments(`bad ${what} ("${text}" is out of range), expecting ID in Hex`);
  }
  return value;
}

/** A member's id. */
export function parseMemberId(text: string): bigint {
  if (!/^[0-9a-f]{1,16}$/i.test(text)) {
    throw badArguments(`bad member ID arg ("${text}" is not a number), expecting ID in Hex`);
  }
  return BigInt(`0x${text}`);
}
