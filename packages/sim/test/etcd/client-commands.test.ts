/** What clients asked for, and what the log holds: each disagreement is noticed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ClientCommands } from "../../src/etcd/client-commands.ts";
import { putOf } from "../../src/workloads/requests.ts";

const put = putOf("k", "1");

function asked(): ClientCommands {
  const commands = new ClientCommands();
  commands.ask(put);
  return commands;
}

const broken = (checker: string, work: () => void): void => {
  assert.throws(work, (error: Error) => error.message.startsWith(checker), checker);
};

test("asked for, applied, acknowledged with what it did", () => {
  const commands = asked();
  assert.equal(commands.applied(put, 5, 2, "put -"), true);
  commands.answered(put, { askedAfter: 4, revision: 2, text: "put -" });
});

test("applied twice, or after it was refused as never applied, or though it was answered with an error", () => {
  const twice = asked();
  twice.applied(put, 5, 2, "put -");
  broken("refused-never-applied", () => twice.applied(put, 6, 3, "put -"));
  const refused = asked();
  refused.refused(put);
  broken("refused-never-applied", () => refused.applied(put, 5, 2, "put -"));
  const denied = asked();
  denied.applied(put, 5, 2, "put -");
  broken("refused-never-applied", () => denied.ineffective(put));
});

test("a command that the state machine refuses may be answered so", () => {
  const commands = asked();
  commands.applied(put, 5, 1, "refused KV_PERMISSION_DENIED");
  commands.ineffective(put);
});

test("refused for want of a name, it may be applied once more, and only once", () => {
  const nameless = "refused KV_USER_EMPTY";
  const commands = asked();
  commands.applied(put, 5, 1, nameless);
  commands.applied(put, 6, 2, "put -");
  commands.answered(put, { askedAfter: 4, revision: 2, text: "put -" });
  broken("refused-never-applied", () => commands.applied(put, 7, 3, "put -"));
  const forEver = asked();
  forEver.applied(put, 5, 1, nameless);
  forEver.applied(put, 6, 1, nameless);
  broken("at-most-once", () => forEver.applied(put, 7, 1, nameless));
});

test("acknowledged without a place, with another answer, at another revision, before it was asked for, or twice", () => {
  const answer = { askedAfter: 4, revision: 2, text: "put -" };
  broken("acknowledged-writes", () => asked().answered(put, answer));
  const commands = asked();
  commands.applied(put, 5, 2, "put -");
  broken("acknowledged-writes", () => commands.answered(put, { ...answer, text: "put x" }));
  broken("acknowledged-writes", () => commands.answered(put, { ...answer, revision: 3 }));
  broken("acknowledged-writes", () => commands.answered(put, { ...answer, askedAfter: 5 }));
  commands.answered(put, answer);
  broken("acknowledged-writes", () => commands.answered(put, answer));
});

test("what nobody asked for is told apart", () => {
  assert.equal(new ClientCommands().applied(put, 5, 2, "put -"), false);
});
