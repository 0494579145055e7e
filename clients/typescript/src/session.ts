// The login session: it knows the tokens, and renews them when one is refused.

import { timestampMs } from "@bufbuild/protobuf/wkt";
import { createClient, type Client, type Transport } from "@connectrpc/connect";

import { reasonOf } from "./errors.js";
import { Reason } from "./gen/troupe/errors/v1/reason_pb.js";
import { AuthService, type TokenPair } from "./gen/troupe/users/v1/auth_service_pb.js";
import { Patience, pause } from "./patience.js";
import type { Tokens, TokenStore } from "./tokens.js";

/** How long a tab waits for the pair that another tab has got, and not yet stored. */
const HANDOVER_MS = 100;
const HANDOVERS = 20;

export class Session {
  readonly #auth: Client<typeof AuthService>;
  readonly #store: TokenStore;
  readonly #retries: number;

  /** `transport` has no retries and needs no token. */
  constructor(transport: Transport, store: TokenStore, retries: number) {
    this.#auth = createClient(AuthService, transport);
    this.#store = store;
    this.#retries = retries;
  }

  /** The tokens; undefined if nobody is logged in. */
  tokens(): Promise<Tokens | undefined> {
    return this.#store.load();
  }

  /** Takes the pair of a new login, whatever is stored. */
  begin(pair: TokenPair | undefined): Promise<void> {
    return this.#store.exclusively(() => this.#store.save(tokensOf(pair)));
  }

  /** Forgets the tokens. */
  end(): Promise<void> {
    return this.#store.exclusively(() => this.#store.save(undefined));
  }

  /** Sees to it that the store has another access token than the one that was refused. Fails if one must log in again. */
  renew(refused: string): Promise<void> {
    return this.#store.exclusively(() => this.#exchange(refused));
  }

  async #exchange(refused: string): Promise<void> {
    const patience = new Patience(this.#retries);
    for (let handovers = 0; ; ) {
      // Another tab may have stored a pair meanwhile.
      const stored = await this.#store.load();
      if (stored === undefined || stored.accessToken !== refused) return;
      try {
        const { tokens } = await this.#auth.refreshToken({ refreshToken: stored.refreshToken });
        return await this.#keep(tokensOf(tokens));
      } catch (error) {
        const reason = reasonOf(error);
        if (reason === Reason.TOKEN_SUPERSEDED && ++handovers < HANDOVERS) await pause(HANDOVER_MS);
        else if (reason !== Reason.REFRESH_TOKEN_INVALID) await patience.after(error);
        else if (await this.#endIf(stored)) throw error;
      }
    }
  }

  /**
   * Answers may arrive in the wrong order: of two pairs, the one counts that expires later. Where there are no locks, the person
   * may have logged out meanwhile, or in again.
   */
  async #keep(pair: Tokens): Promise<void> {
    const stored = await this.#store.load();
    const isOfStored = stored?.loginSessionId === pair.loginSessionId;
    if (isOfStored && stored.refreshExpireTime <= pair.refreshExpireTime) await this.#store.save(pair);
  }

  /** Ends the session, unless another tab has stored another pair. */
  async #endIf(refused: Tokens): Promise<boolean> {
    const stored = await this.#store.load();
    if (stored !== undefined && stored.refreshToken !== refused.refreshToken) return false;
    await this.#store.save(undefined);
    return true;
  }
}

function tokensOf(pair: TokenPair | undefined): Tokens {
  if (pair === undefined) throw new Error("Troupe's answer has no tokens");
  const { accessToken, refreshToken, loginSessionId, userId, refreshExpireTime } = pair;
  const expires = refreshExpireTime === undefined ? 0 : timestampMs(refreshExpireTime);
  return { accessToken, refreshToken, loginSessionId, userId, refreshExpireTime: expires };
}
