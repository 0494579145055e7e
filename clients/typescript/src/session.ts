// The login session: it knows the tokens, and renews them when one is refused.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Client, type Transport } from "@connectrpc/connect";

import { patienceFor } from "./contract.js";
import { reasonOf } from "./errors.js";
import { Reason } from "./gen/troupe/errors/v1/reason_pb.js";
import { AuthService, type TokenPair } from "./gen/troupe/users/v1/auth_service_pb.js";
import { Patience, pause } from "./patience.js";
import type { Tokens, TokenStore } from "./tokens.js";

/** How long a tab waits for the pair that another tab has got, and not yet stored. */
const HANDOVER_MS = 100;
const HANDOVERS = 20;
/** Others wait for an exchange, so that it must end. */
const REFRESH_MS = patienceFor(AuthService.method.refreshToken);

export class Session {
  readonly #auth: Client<typeof AuthService>;
  readonly #store: TokenStore;
  readonly #retries: number;
  readonly #usesCookie: boolean;
  /** The page's cookie has nothing for this tab. */
  #isOut = false;

  /** `transport` has no retries and needs no token. */
  constructor(transport: Transport, store: TokenStore, retries: number, usesCookie: boolean) {
    this.#auth = createClient(AuthService, transport);
    this.#store = store;
    this.#retries = retries;
    this.#usesCookie = usesCookie;
  }

  /** The tokens; undefined if nobody is logged in. A page that was just opened may have them by its cookie. */
  async tokens(): Promise<Tokens | undefined> {
    const stored = await this.#store.load();
    if (stored !== undefined || !this.#usesCookie || this.#isOut) return stored;
    await this.renew(undefined);
    return this.#store.load();
  }

  /** Takes the pair of a new login, whatever is stored. */
  begin(pair: TokenPair | undefined): Promise<void> {
    return this.#store.exclusively(() => this.#set(tokensOf(pair)));
  }

  /** Forgets the tokens. */
  end(): Promise<void> {
    return this.#store.exclusively(() => this.#set(undefined));
  }

  /**
   * Sees to it that the store has another access token than the one that was refused, or, with a cookie, than none. Fails if one
   * must log in again.
   */
  renew(refused: string | undefined): Promise<void> {
    return this.#store.exclusively(() => this.#exchange(refused));
  }

  async #exchange(refused: string | undefined): Promise<void> {
    const patience = new Patience(this.#retries);
    for (let handovers = 0; ; ) {
      // Another tab may have stored a pair meanwhile.
      const stored = await this.#store.load();
      const isOver = stored === undefined && (!this.#usesCookie || this.#isOut);
      if (isOver || stored?.accessToken !== refused) return;
      try {
        const { tokens } = await this.#auth.refreshToken(this.#request(stored), { timeoutMs: REFRESH_MS });
        return await this.#keep(tokensOf(tokens));
      } catch (error) {
        const reason = reasonOf(error);
        if (reason === Reason.TOKEN_SUPERSEDED && ++handovers < HANDOVERS) await pause(HANDOVER_MS);
        else if (reason !== Reason.REFRESH_TOKEN_INVALID) await patience.after(error);
        else if (await this.#endIf(stored)) {
          // Nobody was logged in, and nobody lost anything.
          if (stored === undefined) return;
          throw error;
        }
      }
    }
  }

  /** With a cookie, its token must be of the same login session: nobody goes on as the person who logged in at another tab. */
  #request(stored: Tokens | undefined): { refreshToken?: string; loginSessionId?: string } {
    if (stored === undefined) return {};
    return this.#usesCookie ? { loginSessionId: stored.loginSessionId } : { refreshToken: stored.refreshToken };
  }

  #set(tokens: Tokens | undefined): Promise<void> {
    this.#isOut = tokens === undefined;
    return this.#store.save(tokens);
  }

  /**
   * Answers may arrive in the wrong order: of two pairs, the one counts that expires later. Where there are no locks, the person
   * may have logged out meanwhile, or in again.
   */
  async #keep(pair: Tokens): Promise<void> {
    const stored = await this.#store.load();
    const isOfStored = stored?.loginSessionId === pair.loginSessionId;
    const isFirst = stored === undefined && this.#usesCookie;
    if (isFirst || (isOfStored && stored.refreshExpireTime <= pair.refreshExpireTime)) await this.#store.save(pair);
  }

  /** Ends the session, unless another tab has stored another pair. */
  async #endIf(refused: Tokens | undefined): Promise<boolean> {
    const stored = await this.#store.load();
    if (stored !== undefined && stored.refreshToken !== refused?.refreshToken) return false;
    await this.#set(undefined);
    return true;
  }
}

function tokensOf(pair: TokenPair | undefined): Tokens {
  if (pair === undefined) throw new Error("Troupe's answer has no tokens");
  const { accessToken, refreshToken, loginSessionId, userId, refreshExpireTime } = pair;
  const expires = refreshExpireTime === undefined ? 0 : timestampMs(refreshExpireTime);
  return { accessToken, refreshToken, loginSessionId, userId, refreshExpireTime: expires };
}
