// OpenAI's own package for Node.js, and the AI SDK, against a platform whose model is `scripted_model.py`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { embedMany, generateText, streamText } from "ai";
import OpenAI from "openai";
import { check, finish } from "./checks.mjs";

const [url, card] = process.argv.slice(2);
const MODEL = "openai/echo";

async function call(path, body, headers = { "content-type": "application/json" }) {
  const data = body instanceof Buffer ? body : JSON.stringify(body);
  const answer = await fetch(`${url}/api/v1${path}`, { method: "POST", headers, body: data });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

const email = `sdk-${Date.now()}-${Math.random()}@example.com`;
const password = `pw-${Math.random()}-${Math.random()}`;
await call("/users/register", { email, password, displayName: "Sam" });
const token = (await call("/users/login", { email, password })).accessToken;
const authorization = `Bearer ${token}`;
const imported = await call("/roleplay/characters:import", readFileSync(card), {
  "content-type": "image/png",
  authorization,
});
const opened = await call(
  "/roleplay/sessions",
  { characterId: imported.character.id },
  { "content-type": "application/json", authorization },
);
const character = `character:${imported.character.id}`;
const session = `session:${opened.session.id}`;
const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: token, maxRetries: 0 });
const user = (content) => [{ role: "user", content }];

await check("Node lists models", async () => {
  const ids = [];
  for await (const model of client.models.list()) ids.push(model.id);
  assert.ok(ids.includes(MODEL) && ids.includes(character), ids.join());
  assert.equal((await client.models.retrieve(MODEL)).id, MODEL);
});

await check("Node completes a chat, by a model, a character and a session", async () => {
  for (const model of [MODEL, character, session]) {
    const reply = await client.chat.completions.create({ model, messages: user("Good evening!") });
    assert.equal(reply.choices[0].message.content, "Good evening!");
    assert.equal(reply.choices[0].finish_reason, "stop");
  }
});

await check("Node streams a chat", async () => {
  const options = { model: MODEL, messages: user("one two three"), stream: true };
  const stream = await client.chat.completions.create({ ...options, stream_options: { include_usage: true } });
  let text = "";
  let usage;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? "";
    usage = chunk.usage ?? usage;
  }
  assert.equal(text, "one two three");
  assert.ok(usage.total_tokens > 0);
});

await check("Node completes a text, embeds, and gets responses", async () => {
  const reply = await client.completions.create({ model: MODEL, prompt: "once upon" });
  assert.equal(reply.choices[0].text, "once upon");
  const vectors = await client.embeddings.create({ model: "openai/embed", input: ["a", "b"] });
  assert.deepEqual(vectors.data[1].embedding.map((number) => Math.round(number * 10) / 10), [0.6, 0.8]);
  assert.equal((await client.responses.create({ model: MODEL, input: "hello" })).output_text, "hello");
  const kinds = [];
  for await (const event of await client.responses.create({ model: MODEL, input: "hello", stream: true })) {
    kinds.push(event.type);
  }
  assert.equal(kinds.at(-1), "response.completed");
});

await check("Node has its own errors for refusals", async () => {
  const cases = [
    ["!busy", OpenAI.RateLimitError, "rate_limit_exceeded"],
    ["!broke", OpenAI.RateLimitError, "insufficient_quota"],
    ["!down", OpenAI.InternalServerError, "provider_unavailable"],
    ["!long", OpenAI.BadRequestError, "context_length_exceeded"],
  ];
  for (const [text, kind, code] of cases) {
    const asked = client.chat.completions.create({ model: MODEL, messages: user(text) });
    await assert.rejects(asked, (error) => error instanceof kind && error.code === code);
  }
  const wrong = new OpenAI({ baseURL: `${url}/v1`, apiKey: "sk-wrong", maxRetries: 0 });
  await assert.rejects(wrong.models.retrieve(MODEL), (error) => error instanceof OpenAI.AuthenticationError);
  await assert.rejects(client.models.retrieve("no/model"), (error) => error.code === "model_not_found");
});

await check("Node learns that a reply broke off", async () => {
  const stream = await client.chat.completions.create({ model: MODEL, messages: user("!cut it here"), stream: true });
  let text = "";
  const reading = async () => {
    for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? "";
  };
  await assert.rejects(reading(), (error) => error instanceof OpenAI.APIError);
  assert.ok(text.startsWith("!cut"), text);
});

const troupe = createOpenAICompatible({ name: "troupe", baseURL: `${url}/v1`, apiKey: token });

await check("The AI SDK generates, streams and embeds", async () => {
  const { text, usage } = await generateText({ model: troupe(character), prompt: "Good evening!" });
  assert.equal(text, "Good evening!");
  assert.ok(usage.totalTokens > 0);
  let streamed = "";
  for await (const part of streamText({ model: troupe(MODEL), prompt: "one two" }).textStream) streamed += part;
  assert.equal(streamed, "one two");
  const embedding = await embedMany({ model: troupe.embeddingModel("openai/embed"), values: ["a", "b"] });
  assert.equal(embedding.embeddings.length, 2);
});

await check("The AI SDK learns of a refusal, and of a reply that broke off", async () => {
  const refused = generateText({ model: troupe("no/model"), prompt: "Hi", maxRetries: 0 });
  await assert.rejects(refused, (error) => error.statusCode === 404);
  let failure;
  const onError = ({ error }) => {
    failure = error;
  };
  const cut = streamText({ model: troupe(MODEL), prompt: "!cut it here", onError });
  for await (const _ of cut.textStream);
  assert.ok(failure);
});

finish();
