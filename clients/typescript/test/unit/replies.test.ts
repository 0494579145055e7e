// Streamed replies, and what happens when their connection is lost.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Code, type Transport } from "@connectrpc/connect";

import { eventOf } from "../../src/contract.js";
import { Reason, reasonOf, ReplyFailed, textOf, Troupe } from "../../src/index.js";
import { B, Fake, delta, ended, failed, pair, refuse, sent, started, watched, withoutPauses } from "./fake.js";

beforeEach(() => withoutPauses());
afterEach(() => mock.restoreAll());

async function list<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}

test("continues from the offset that was reached", async () => {
  const fake = new Fake({
    async *sendMessage() {
      yield sent(started());
      yield sent(delta("héllo", 0));
      refuse(Code.Unknown);
    },
    async *watchGeneration({ request }) {
      yield watched(started());
      yield watched(delta(" again", Number(request.offset)));
      yield watched(ended("héllo again"));
    },
  });
  const answers = await list(fake.client().messages.sendMessage({ text: "x" }));
  assert.deepEqual(answers.map((answer) => eventOf(answer)?.case), ["started", "delta", "delta", "ended"]);
  assert.deepEqual(new Set(answers.map((answer) => answer.$typeName)), new Set(["troupe.roleplay.v1.SendMessageResponse"]));
  const texts = answers.flatMap(({ event }) => (event?.event.case === "delta" ? event.event.value.text : []));
  assert.deepEqual(texts, ["héllo", " again"]);
  const [watching, ...others] = fake.requests("watchGeneration");
  assert.deepEqual([watching.generationId, Number(watching.offset), others.length], ["gen_1", 6, 0]);
  assert.equal(fake.requests("sendMessage").length, 1);
});

test("sends the message again with its id if nothing came", async () => {
  const fake = new Fake({
    async *sendMessage() {
      if (fake.requests("sendMessage").length === 1) refuse(Code.Unknown);
      yield sent(started());
      yield sent(delta("a", 0));
      yield sent(ended("a"));
    },
  });
  assert.deepEqual(await list(textOf(fake.client().messages.sendMessage({ text: "x" }))), ["a"]);
  const [first, second] = fake.requests("sendMessage");
  assert.match(first.requestId, /^[0-9a-f]{32}$/);
  assert.deepEqual(second, first);
});

test("throws what a reply failed for, after its text", async () => {
  const fake = new Fake({
    async *sendMessage() {
      yield sent(started());
      yield sent(delta("a", 0));
      yield sent(failed("PROVIDER_UNAVAILABLE"));
    },
  });
  const texts: string[] = [];
  const reading = (async () => {
    for await (const text of textOf(fake.client().messages.sendMessage({ text: "x" }))) texts.push(text);
  })();
  const error = await reading.catch((error: unknown) => error);
  assert.ok(error instanceof ReplyFailed);
  assert.deepEqual([texts, reasonOf(error), error.message], [["a"], Reason.PROVIDER_UNAVAILABLE, "it failed"]);
});

test("watches again where a stream has no end", async () => {
  const fake = new Fake({
    async *watchGeneration({ request }) {
      yield watched(started());
      yield watched(delta("ab", 0));
      if (Number(request.offset) === 0) return;
      // What has come before is left out.
      yield watched(delta("c", 2));
      yield watched(ended("abc"));
    },
  });
  const reply = fake.client().generations.watchGeneration({ generationId: "gen_1" });
  assert.deepEqual(await list(textOf(reply)), ["ab", "c"]);
  assert.deepEqual(fake.requests("watchGeneration").map(({ offset }) => Number(offset)), [0, 2]);
});

test("counts failures since the last event", async () => {
  const text = "abcdefgh";
  const fake = new Fake({
    async *sendMessage() {
      yield sent(started());
      refuse(Code.Unavailable);
    },
    async *watchGeneration({ request }) {
      const offset = Number(request.offset);
      yield watched(started());
      if (offset === text.length) yield watched(ended(text));
      else yield watched(delta(text[offset] ?? "", offset));
      refuse(Code.Unavailable);
    },
  });
  assert.equal((await list(textOf(fake.client().messages.sendMessage({ text: "x" })))).join(""), text);
});

test("gives up when nothing more comes", async () => {
  const fake = new Fake({
    async *sendMessage() {
      yield sent(started());
      refuse(Code.Unavailable);
    },
    async *watchGeneration() {
      refuse(Code.Unavailable);
    },
  });
  await assert.rejects(list(fake.client().messages.sendMessage({ text: "x" })));
  assert.equal(fake.requests("watchGeneration").length, 2);
});

test("passes a refusal on", async () => {
  const fake = new Fake({
    async *sendMessage() {
      refuse(Code.Aborted, "GENERATION_RUNNING");
    },
  });
  const error = await list(fake.client().messages.sendMessage({ text: "x" })).catch((error: unknown) => error);
  assert.equal(reasonOf(error), Reason.GENERATION_RUNNING);
  assert.equal(fake.requests("sendMessage").length, 1);
});

test("renews the token in the middle of a reply", async () => {
  const fake = new Fake({
    async *sendMessage() {
      yield sent(started());
      yield sent(delta("a", 0));
      refuse(Code.Unavailable);
    },
    async *watchGeneration({ bearer }) {
      if (bearer !== "Bearer access-b") refuse(Code.Unauthenticated, "TOKEN_INVALID");
      yield watched(started());
      yield watched(ended("a"));
    },
    refreshToken: () => ({ tokens: pair(B) }),
  });
  assert.deepEqual(await list(textOf(fake.client().messages.sendMessage({ text: "x" }))), ["a"]);
});

test("ends the connection when the caller leaves, and sends nothing again", async () => {
  const opened: string[] = [];
  let left = 0;
  const message = {
    [Symbol.asyncIterator]: () => ({
      next: async () => ({ done: false, value: sent(started()) }),
      return: async () => ({ done: true, value: (left += 1) }),
    }),
  };
  const transport = {
    unary: () => assert.fail("nothing to call"),
    stream: async (method: { name: string }) => {
      opened.push(method.name);
      return { stream: true, header: new Headers(), trailer: new Headers(), message };
    },
  };
  const client = new Troupe("http://none", { transport: transport as unknown as Transport });
  for await (const _ of client.messages.sendMessage({ text: "x" })) break;
  assert.deepEqual([opened, left], [["SendMessage"], 1]);
});

test("a caller's abort is none of the errors that are tried again", async () => {
  const abort = new AbortController();
  const fake = new Fake({
    async *sendMessage() {
      yield sent(started());
      yield sent(delta("a", 0));
      yield sent(delta("b", 1));
    },
    async *watchGeneration() {
      yield watched(started());
    },
  });
  await assert.rejects(async () => {
    for await (const _ of fake.client().messages.sendMessage({ text: "x" }, { signal: abort.signal })) abort.abort();
  });
  assert.deepEqual(Object.keys(fake.received), ["sendMessage"]);
});
