// A Troupe in the process: it answers as a test tells it to.

import { create, type DescMessage, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, type Duration } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";
import { mock } from "node:test";

import { ErrorInfoSchema } from "../../src/gen/google/rpc/error_details_pb.js";
import type { GenerationEvent } from "../../src/gen/troupe/roleplay/v1/generation_pb.js";
import { GenerationService, WatchGenerationResponseSchema } from "../../src/gen/troupe/roleplay/v1/generation_service_pb.js";
import { MessageService, SendMessageResponseSchema } from "../../src/gen/troupe/roleplay/v1/message_service_pb.js";
import { SessionService } from "../../src/gen/troupe/roleplay/v1/session_service_pb.js";
import { AuthService, type TokenPairSchema } from "../../src/gen/troupe/users/v1/auth_service_pb.js";
import { UserService } from "../../src/gen/troupe/users/v1/user_service_pb.js";
import { MemoryTokens, Troupe, type Tokens, type TokenStore } from "../../src/index.js";

export const A: Tokens = {
  accessToken: "access-a",
  refreshToken: "refresh-a",
  refreshExpireTime: 1_000_000,
  loginSessionId: "lgn_1",
  userId: "usr_1",
};
export const B: Tokens = { ...A, accessToken: "access-b", refreshToken: "refresh-b", refreshExpireTime: 1_001_000 };

/** A request that came, and with which token. */
export interface Received {
  // A test knows which message it sent.
  request: any;
  bearer: string;
}

type Handler = (received: Received) => unknown;

/** Handlers by the name of their method, and what came. */
export class Fake {
  readonly received: Record<string, Received[]> = {};
  readonly transport: Transport;

  constructor(handlers: Record<string, Handler>) {
    const router = createRouterTransport(({ rpc }) => {
      for (const service of [AuthService, UserService, SessionService, MessageService, GenerationService]) {
        for (const method of service.methods) {
          const handler = handlers[method.localName];
          if (handler === undefined) continue;
          const answer = (request: unknown, context: { requestHeader: Headers }): unknown => {
            const received = { request, bearer: context.requestHeader.get("authorization") ?? "" };
            (this.received[method.localName] ??= []).push(received);
            return handler(received);
          };
          rpc(method as never, answer as never);
        }
      }
    });
    // The router would keep a timer for each call that isn't read to its end.
    this.transport = {
      unary: (method, signal, _timeoutMs, ...more) => router.unary(method, signal, undefined, ...more),
      stream: (method, signal, _timeoutMs, ...more) => router.stream(method, signal, undefined, ...more),
    };
  }

  /** The requests that came to a method. */
  requests(method: string): Received["request"][] {
    return (this.received[method] ?? []).map(({ request }) => request);
  }

  /** A client of it for a page whose refresh token is in a cookie. */
  page(): Troupe {
    return new Troupe("http://none", { transport: this.transport, cookie: true });
  }

  /** A client of it. */
  client(store: TokenStore = signedIn(), retries?: number): Troupe {
    const more = retries === undefined ? {} : { retries };
    return new Troupe("http://none", { transport: this.transport, tokens: store, ...more });
  }
}

/** A store that has tokens. */
export function signedIn(tokens: Tokens = A): MemoryTokens {
  const store = new MemoryTokens();
  void store.save(tokens);
  return store;
}

/** Lets pauses pass at once, and gives how long they were. */
export function withoutPauses(): number[] {
  const pauses: number[] = [];
  const wait = globalThis.setTimeout;
  const shortly = (then: () => void, ms = 0): unknown => {
    if (ms >= 4_000) return wait(then, ms);
    pauses.push(ms);
    return wait(then, 0);
  };
  mock.method(globalThis, "setTimeout", shortly as never);
  return pauses;
}

type Detail = { desc: DescMessage; value: MessageInitShape<DescMessage> };

/** Refuses a call as Troupe does; without a reason as something between it and the client does. */
export function refuse(code: Code, reason = "", ...details: Detail[]): never {
  const info = { desc: ErrorInfoSchema as DescMessage, value: create(ErrorInfoSchema, { reason, domain: "troupe.dev" }) };
  throw new ConnectError("no", code, undefined, reason === "" ? [] : [info, ...details]);
}

/** A pair of tokens as Troupe gives it. */
export function pair({ refreshExpireTime, ...more }: Tokens): MessageInitShape<typeof TokenPairSchema> {
  return { ...more, refreshExpireTime: timestampFromMs(refreshExpireTime) };
}

/** Seconds as the contract has them. */
export function seconds(count: number): Pick<Duration, "seconds" | "nanos"> {
  return { seconds: BigInt(Math.floor(count)), nanos: (count % 1) * 1e9 };
}

type Event = GenerationEvent["event"];

/** The first event of a reply. */
export function started(id = "gen_1"): Event {
  return { case: "started", value: { generation: { id } } as never };
}

/** Text at an offset. */
export function delta(text: string, offset: number): Event {
  const next = offset + new TextEncoder().encode(text).length;
  return { case: "delta", value: { text, offset, nextOffset: next } as never };
}

/** The last event of a reply. */
export function ended(text: string): Event {
  return { case: "ended", value: { message: { text } } as never };
}

/** The last event of a reply that failed. */
export function failed(reason: string): Event {
  return { case: "ended", value: { generation: { error: { reason, message: "it failed" } } } as never };
}

/** An event, as a message sent gets it. */
export function sent(event: Event) {
  return create(SendMessageResponseSchema, { event: { event } });
}

/** An event, as who watches gets it. */
export function watched(event: Event) {
  return create(WatchGenerationResponseSchema, { event: { event } });
}
