// The main job with the client that @hey-api/openapi-ts makes.

import { client } from "./made/hey-api/client.gen";
import { createCharacter, createSession, login, register, sendMessage } from "./made/hey-api/sdk.gen";

export async function talk(baseUrl: string): Promise<void> {
  client.setConfig({ baseUrl, throwOnError: true });
  const account = { email: `hey-${crypto.randomUUID()}@example.com`, password: crypto.randomUUID() };
  await register({ body: { ...account, displayName: "Hey" }, throwOnError: true });
  const { data: tokens } = await login({ body: account, throwOnError: true });
  client.setConfig({ auth: tokens.accessToken });

  const body = { name: "Maren", firstMessage: "Come in, {{user}}." };
  const { data: character } = await createCharacter({ body, throwOnError: true });
  const { data: opened } = await createSession({ body: { characterId: character.id }, throwOnError: true });
  const path = { sessionId: opened.session.id };
  const { stream } = await sendMessage({ path, body: { text: "Good evening." } });

  const names: string[] = [];
  let text = "";
  for await (const event of stream) {
    names.push(...Object.keys(event));
    text += event.delta?.text ?? "";
    if (event.ended && event.ended.generation.text !== text) throw new Error(`pieces differ from the whole: ${text}`);
  }
  if (names[0] !== "started" || !names.includes("delta") || names.at(-1) !== "ended") {
    throw new Error(`the stream was ${names}`);
  }
}
