// The text of a reply.

import { eventOf } from "./contract.js";
import { ReplyFailed } from "./errors.js";

/** The pieces of text in a streamed reply, as they come. A reply that fails is thrown as `ReplyFailed`; what came before is kept. */
export async function* textOf(reply: AsyncIterable<object>): AsyncGenerator<string> {
  for await (const answer of reply) {
    const event = eventOf(answer);
    if (event?.case === "delta") yield event.value.text;
    const error = event?.case === "ended" ? event.value.generation?.error : undefined;
    if (error !== undefined) throw new ReplyFailed(error.reason, error.message);
  }
}
