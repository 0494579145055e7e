// Where a client keeps its tokens, so that all of its parts use the same pair: one client, or all tabs of a page.

import { pause } from "./patience.js";

/** What a tab writes to `localStorage` reaches tabs in other processes a little later, and a lock may be there before it. */
const SEEN_MS = 100;

/** A pair of tokens. Plain data, which JSON keeps. */
export interface Tokens {
  accessToken: string;
  refreshToken: string;
  /** When the refresh token expires, in milliseconds since 1970. */
  refreshExpireTime: number;
  loginSessionId: string;
  userId: string;
}

/** Keeps the tokens of one person. */
export interface TokenStore {
  /** The stored pair; undefined if nobody is logged in. */
  load(): Promise<Tokens | undefined>;
  /** Stores a pair, or nothing any more. */
  save(tokens: Tokens | undefined): Promise<void>;
  /** Runs work while nobody else who uses the store runs any. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
}

/** Keeps tokens until the program ends. */
export class MemoryTokens implements TokenStore {
  #tokens: Tokens | undefined;
  readonly #queue = new Queue();

  async load(): Promise<Tokens | undefined> {
    return this.#tokens;
  }

  async save(tokens: Tokens | undefined): Promise<void> {
    this.#tokens = tokens;
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#queue.run(work);
  }
}

/**
 * Keeps tokens in the browser's `localStorage`, where all tabs of an origin share them. The tabs take turns by
 * `navigator.locks`; on pages by plain HTTP, which have no locks, each tab takes its own turns, and Troupe tells a late tab that
 * its refresh token is superseded.
 *
 * Every script of the page can read `localStorage`. Pages that show what others wrote need a strict Content-Security-Policy.
 */
export class LocalStorageTokens implements TokenStore {
  readonly #key: string;
  readonly #queue = new Queue();

  constructor(key = "troupe.tokens") {
    this.#key = key;
  }

  async load(): Promise<Tokens | undefined> {
    const text = localStorage.getItem(this.#key);
    return text === null ? undefined : (JSON.parse(text) as Tokens);
  }

  async save(tokens: Tokens | undefined): Promise<void> {
    if (tokens === undefined) localStorage.removeItem(this.#key);
    else localStorage.setItem(this.#key, JSON.stringify(tokens));
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const locks: LockManager | undefined = globalThis.navigator?.locks;
    if (locks === undefined) return this.#queue.run(work);
    return new Promise<T>((resolve, reject) => {
      const turn = async (): Promise<void> => {
        await work().then(resolve, reject);
        await pause(SEEN_MS);
      };
      locks.request(this.#key, turn).catch(reject);
    });
  }
}

/** Runs one work after the other. */
class Queue {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
