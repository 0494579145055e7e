// The main job with the types that openapi-typescript makes, and openapi-fetch.

import createClient from "openapi-fetch";

import type { components, paths } from "./made/paths";

type Event = components["schemas"]["GenerationEvent"];

export async function talk(baseUrl: string): Promise<void> {
  const client = createClient<paths>({ baseUrl });
  const account = { email: `oaf-${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
  given(await client.POST("/api/v1/users/register", { body: { ...account, displayName: "Fetch" } }));
  const tokens = given(await client.POST("/api/v1/users/login", { body: account }));
  client.use({
    onRequest({ request }) {
      request.headers.set("authorization", `Bearer ${tokens.accessToken}`);
    },
  });

  const body = { name: "Maren", firstMessage: "Come in, {{user}}." };
  const character = given(await client.POST("/api/v1/roleplay/characters", { body }));
  const opened = given(await client.POST("/api/v1/roleplay/sessions", { body: { characterId: character.id } }));
  const stream = given(
    await client.POST("/api/v1/roleplay/sessions/{sessionId}/messages", {
      params: { path: { sessionId: opened.session.id } },
      body: { text: "Good evening." },
      parseAs: "stream",
    }),
  );

  const names: string[] = [];
  let text = "";
  for await (const event of events(stream as ReadableStream<Uint8Array>)) {
    names.push(...Object.keys(event));
    text += event.delta?.text ?? "";
    if (event.ended && event.ended.generation.text !== text) throw new Error(`pieces differ from the whole: ${text}`);
  }
  if (names[0] !== "started" || !names.includes("delta") || names.at(-1) !== "ended") {
    throw new Error(`the stream was ${names}`);
  }
}

function given<T>({ data, error }: { data?: T; error?: unknown }): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}

async function* events(stream: ReadableStream<Uint8Array>): AsyncGenerator<Event> {
  const reader = stream.pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>).getReader();
  let rest = "";
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield JSON.parse(data.slice("data: ".length));
    }
  }
}
