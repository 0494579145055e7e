// The client: all services of Troupe over one transport, as one person.

import { createClient, type Client, type Transport } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";

import { ModelService } from "./gen/troupe/ai/v1/model_service_pb.js";
import { UsageService } from "./gen/troupe/ai/v1/usage_service_pb.js";
import { BookmarkService } from "./gen/troupe/roleplay/v1/bookmark_service_pb.js";
import { CharacterService } from "./gen/troupe/roleplay/v1/character_service_pb.js";
import { GenerationService } from "./gen/troupe/roleplay/v1/generation_service_pb.js";
import { InvitationService } from "./gen/troupe/roleplay/v1/invitation_service_pb.js";
import { LorebookService } from "./gen/troupe/roleplay/v1/lorebook_service_pb.js";
import { MemoryService } from "./gen/troupe/roleplay/v1/memory_service_pb.js";
import { MessageService } from "./gen/troupe/roleplay/v1/message_service_pb.js";
import { CastService } from "./gen/troupe/roleplay/v1/cast_service_pb.js";
import { ParticipantService } from "./gen/troupe/roleplay/v1/participant_service_pb.js";
import { PersonaService } from "./gen/troupe/roleplay/v1/persona_service_pb.js";
import { ScenarioService } from "./gen/troupe/roleplay/v1/scenario_service_pb.js";
import { SessionService } from "./gen/troupe/roleplay/v1/session_service_pb.js";
import { SharingService } from "./gen/troupe/roleplay/v1/sharing_service_pb.js";
import { AuthService } from "./gen/troupe/users/v1/auth_service_pb.js";
import { UserService } from "./gen/troupe/users/v1/user_service_pb.js";
import { CookieTokens, fetchWithCookie } from "./cookie.js";
import { reasonOf } from "./errors.js";
import { Reason } from "./gen/troupe/errors/v1/reason_pb.js";
import { Session } from "./session.js";
import { SteadyTransport } from "./steady.js";
import { MemoryTokens, type Tokens, type TokenStore } from "./tokens.js";

/** Why a call of somebody is refused who isn't logged in, or no more. */
const OUT: ReadonlySet<Reason> = new Set([Reason.TOKEN_MISSING, Reason.REFRESH_TOKEN_INVALID]);

/** How to reach Troupe, and how to behave there. */
export interface TroupeOptions {
  /** A transport instead of connect-web's for the address: one for gRPC-Web, or one of connect-node. */
  transport?: Transport;
  /** Where tokens are kept; in memory if absent. */
  tokens?: TokenStore;
  /**
   * For pages: the browser keeps the refresh token in a cookie that no script can read, and the access token is in memory. All tabs
   * are logged in together, also after a reload. The page must be of Troupe's own host, by HTTPS or at this machine. A `transport`
   * of your own has to send cookies (`credentials: "include"`).
   */
  cookie?: boolean;
  /** How often a call is sent again that may be; 2 if absent. */
  retries?: number;
}

/** Troupe, as one person sees it. Each service is a property, and each method of its contract a function of it. */
export class Troupe {
  readonly auth: Client<typeof AuthService>;
  readonly users: Client<typeof UserService>;
  readonly characters: Client<typeof CharacterService>;
  readonly lorebooks: Client<typeof LorebookService>;
  readonly scenarios: Client<typeof ScenarioService>;
  readonly sharing: Client<typeof SharingService>;
  readonly personas: Client<typeof PersonaService>;
  readonly sessions: Client<typeof SessionService>;
  readonly casts: Client<typeof CastService>;
  readonly participants: Client<typeof ParticipantService>;
  readonly invitations: Client<typeof InvitationService>;
  readonly messages: Client<typeof MessageService>;
  readonly bookmarks: Client<typeof BookmarkService>;
  readonly generations: Client<typeof GenerationService>;
  readonly memories: Client<typeof MemoryService>;
  readonly models: Client<typeof ModelService>;
  readonly usage: Client<typeof UsageService>;
  readonly #session: Session;
  readonly #baseUrl: string;
  readonly #useCookie: boolean;

  /** Of Troupe at an address, such as `https://troupe.example`. */
  constructor(baseUrl: string, options: TroupeOptions = {}) {
    const { cookie = false, retries = 2, tokens } = options;
    if (cookie && tokens !== undefined) throw new TypeError("with `cookie`, the browser keeps the tokens: leave out `tokens`");
    this.#baseUrl = baseUrl;
    this.#useCookie = cookie;
    const inner = options.transport ?? createConnectTransport({ baseUrl, ...(cookie ? { fetch: fetchWithCookie } : {}) });
    const store = tokens ?? (cookie ? new CookieTokens() : new MemoryTokens());
    this.#session = new Session(inner, store, retries, cookie);
    const transport = new SteadyTransport(inner, this.#session, retries);
    this.auth = createClient(AuthService, transport);
    this.users = createClient(UserService, transport);
    this.characters = createClient(CharacterService, transport);
    this.lorebooks = createClient(LorebookService, transport);
    this.scenarios = createClient(ScenarioService, transport);
    this.sharing = createClient(SharingService, transport);
    this.personas = createClient(PersonaService, transport);
    this.sessions = createClient(SessionService, transport);
    this.casts = createClient(CastService, transport);
    this.participants = createClient(ParticipantService, transport);
    this.invitations = createClient(InvitationService, transport);
    this.messages = createClient(MessageService, transport);
    this.bookmarks = createClient(BookmarkService, transport);
    this.generations = createClient(GenerationService, transport);
    this.memories = createClient(MemoryService, transport);
    this.models = createClient(ModelService, transport);
    this.usage = createClient(UsageService, transport);
  }

  /** Registers an account, and logs in. If the address has an account already, only the log-in tells. */
  async register(account: { email: string; password: string; displayName: string; deviceName?: string }): Promise<void> {
    const { email, password, displayName } = account;
    await this.auth.register({ email, password, displayName });
    await this.logIn(account);
  }

  /** Logs in. All later calls are this person's. */
  async logIn(login: { email: string; password: string; deviceName?: string }): Promise<void> {
    const { email, password, deviceName = "" } = login;
    const { tokens } = await this.auth.login({ email, password, deviceName, useCookie: this.#useCookie });
    await this.#session.begin(tokens);
  }

  /** Ends the login session, and forgets its tokens. Who is out already stays out. */
  async logOut(): Promise<void> {
    try {
      await this.auth.logout({});
    } catch (error) {
      if (!OUT.has(reasonOf(error))) throw error;
    }
    await this.#session.end();
  }

  /** The address of something at Troupe as a whole, such as that of a character's picture: `absolute(character.avatar.cardUrl)`. */
  absolute(address: string): string {
    return address === "" ? "" : new URL(address, this.#baseUrl).href;
  }

  /** The tokens; undefined if nobody is logged in. With `cookie`, a page learns here whether somebody is. */
  tokens(): Promise<Tokens | undefined> {
    return this.#session.tokens();
  }
}
