// The text of a reply.

import { eventOf } from "./contract.js";

/** The pieces of text in a streamed reply, as they come. */
export async function* textOf(reply: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const answer of reply) {
    const event = eventOf(answer);
    if (event?.case === "delta") yield event.value.text;
  }
}
