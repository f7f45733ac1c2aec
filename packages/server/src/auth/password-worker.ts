/** The thread in which passwords are hashed and compared, one after the other: each takes a tenth of a second on purpose. */
import { parentPort, workerData } from "node:worker_threads";
import { compareSync, hashSync } from "bcryptjs";
import type { PasswordAnswer, PasswordQuestion } from "./passwords.ts";

/** What the thread is started with. */
interface WorkerData {
  readonly cost: number;
}

const { cost } = workerData as WorkerData;
/**
 * What passwords of users who do not exist are compared with, so that they cost the same: a salt of zeros and a hash of zeros.
 * PERF: made by no password, because that would cost the first question as much again.
 */
const nobodysHash = `$2b$${String(cost).padStart(2, "0")}$${".".repeat(53)}`;

function answer(question: PasswordQuestion): PasswordAnswer {
  if (question.kind === "hash") {
    return { kind: "hash", hash: hashSync(question.password, cost) };
  }
  const same = isSame(question.password, question.hash ?? nobodysHash);
  return { kind: "compare", same: same && question.hash !== null };
}

/** bcryptjs throws for a hash that is none; nobody's password makes that one. */
function isSame(password: string, hash: string): boolean {
  try {
    return compareSync(password, hash);
  } catch {
    return false;
  }
}

if (parentPort === null) {
  throw new Error("password-worker: runs as a worker only");
}
const port = parentPort;
port.on("message", (question: PasswordQuestion) => port.postMessage(answer(question)));
