// How far a streamed reply has come, so that it can go on after a lost connection.

import { eventOf, offsetOf, watch, watchRequest, type Offset } from "./contract.js";
import type { MessageShape } from "@bufbuild/protobuf";

export class Progress {
  #generationId: string | undefined;
  #offset: Offset;
  #hasEnded = false;

  /** Of a reply that this request asks for. */
  constructor(request: object) {
    this.#offset = offsetOf(request);
  }

  /** Whether the last event has come. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Takes note of an answer. False if the caller has seen it before. */
  take(answer: object): boolean {
    const event = eventOf(answer);
    switch (event?.case) {
      case "started": {
        const isFirst = this.#generationId === undefined;
        this.#generationId = event.value.generation?.id ?? "";
        return isFirst;
      }
      case "delta":
        if (event.value.nextOffset <= this.#offset) return false;
        this.#offset = event.value.nextOffset;
        return true;
      case "ended":
        this.#hasEnded = true;
        return true;
      default:
        return true;
    }
  }

  /** The request that continues the reply; undefined if nothing has come yet. */
  rest(): MessageShape<typeof watch.input> | undefined {
    return this.#generationId === undefined ? undefined : watchRequest(this.#generationId, this.#offset);
  }
}
