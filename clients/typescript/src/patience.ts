// How long to wait before a call is sent again, and when to stop.

import { Code, ConnectError } from "@connectrpc/connect";

import { isPassing, retryAfterMs } from "./errors.js";

/** The first pause between two tries; each next one is twice as long. */
const PAUSE_MS = 400;
/** Longer than this nobody waits without being asked. */
const LONGEST_MS = 30_000;

/** Counts the tries of one call. */
export class Patience {
  readonly #retries: number;
  readonly #signal: AbortSignal | undefined;
  readonly #deadline: number;
  #failures = 0;

  /** `deadline` is when the call must have ended, by `performance.now()`. */
  constructor(retries: number, signal?: AbortSignal, deadline = Infinity) {
    this.#retries = retries;
    this.#signal = signal;
    this.#deadline = deadline;
  }

  /** The call got further: failures count from here. */
  renew(): void {
    this.#failures = 0;
  }

  /** Waits until the call may be sent again; throws the error if it shouldn't. */
  async after(error: unknown): Promise<void> {
    const wait = retryAfterMs(error) ?? 0;
    const isOver = this.#signal?.aborted === true || this.#failures >= this.#retries;
    if (isOver || !isPassing(error) || wait > LONGEST_MS) throw error;
    const ms = wait + PAUSE_MS * 2 ** this.#failures * (0.5 + Math.random());
    // Nobody waits only to be late.
    if (performance.now() + ms >= this.#deadline) throw error;
    this.#failures += 1;
    await pause(ms, this.#signal);
  }
}

/** Waits; an aborted signal ends it with an error. */
export function pause(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(new ConnectError("the caller ended the call", Code.Canceled));
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", abort);
      resolve();
    }, ms);
    signal?.addEventListener("abort", abort, { once: true });
  });
}
