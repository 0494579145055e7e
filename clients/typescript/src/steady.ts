// A transport around another one. It sends the access token and renews it, fills in request ids, sends again what may be sent
// again, and continues replies after a lost connection.

import { create, type DescMessage, type DescMethod, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { DescMethodStreaming, DescMethodUnary } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { ContextValues, StreamResponse, Transport, UnaryResponse } from "@connectrpc/connect";

import { identified, isPublic, isRepeatable, isReply, patienceFor, recast, watch } from "./contract.js";
import { reasonOf } from "./errors.js";
import { Reason } from "./gen/troupe/errors/v1/reason_pb.js";
import { Patience } from "./patience.js";
import { Progress } from "./progress.js";
import type { Session } from "./session.js";

/** What a caller gives beside the request. */
interface Terms {
  signal: AbortSignal | undefined;
  header: HeadersInit | undefined;
  contextValues: ContextValues | undefined;
  /** When the call must have ended, by `performance.now()`. */
  deadline: number;
}

/** The second one is for a new pair that another tab has replaced at once, since it asked for one too. */
const RENEWALS = 2;
export class SteadyTransport implements Transport {
  readonly #inner: Transport;
  readonly #session: Session;
  readonly #retries: number;

  constructor(inner: Transport, session: Session, retries: number) {
    this.#inner = inner;
    this.#session = session;
    this.#retries = retries;
  }

  unary<I extends DescMessage, O extends DescMessage>(
    method: DescMethodUnary<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: MessageInitShape<I>,
    contextValues?: ContextValues,
  ): Promise<UnaryResponse<I, O>> {
    const terms = { signal, header, contextValues, deadline: deadline(method, timeoutMs) };
    const request = identified(method.input, create(method.input, input));
    const tries = new Tries(method, request, this.#session, this.#retries, terms);
    return tries.untilAnswered((headers) =>
      this.#inner.unary(method, signal, left(terms), headers, request as MessageInitShape<I>, contextValues),
    );
  }

  async stream<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    signal: AbortSignal | undefined,
    timeoutMs: number | undefined,
    header: HeadersInit | undefined,
    input: AsyncIterable<MessageInitShape<I>>,
    contextValues?: ContextValues,
  ): Promise<StreamResponse<I, O>> {
    const first = await input[Symbol.asyncIterator]().next();
    if (first.done === true) throw new ConnectError("missing request message", Code.Internal);
    const request = identified(method.input, create(method.input, first.value));
    const terms = { signal, header, contextValues, deadline: deadline(method, timeoutMs) };
    const tries = new Tries(method, request, this.#session, this.#retries, terms);
    const response = await tries.untilAnswered((headers) => this.#open(method, request, headers, terms));
    return { ...response, message: this.#follow(method, request, response.message, tries, terms) };
  }

  #open<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    request: MessageShape<I>,
    headers: Headers,
    terms: Terms,
  ): Promise<StreamResponse<I, O>> {
    const once = (async function* () {
      yield request as MessageInitShape<I>;
    })();
    return this.#inner.stream(method, terms.signal, left(terms), headers, once, terms.contextValues);
  }

  /** Yields what a stream has and, if it is a reply that stops in the middle, what comes after that. */
  async *#follow<I extends DescMessage, O extends DescMessage>(
    method: DescMethodStreaming<I, O>,
    request: MessageShape<I>,
    source: AsyncIterable<MessageShape<O>>,
    tries: Tries,
    terms: Terms,
  ): AsyncGenerator<MessageShape<O>> {
    const progress = new Progress(request);
    let answers: AsyncIterable<object> = source;
    for (;;) {
      try {
        for await (const answer of answers) {
          if (!progress.take(answer)) continue;
          tries.gotFurther();
          yield recast(method.output, answer);
        }
        if (progress.hasEnded || !isReply(method)) return;
        throw new ConnectError("the reply stopped before its end", Code.DataLoss);
      } catch (error) {
        if (progress.hasEnded) return;
        const rest = isReply(method) ? progress.rest() : undefined;
        await tries.after(error, rest !== undefined);
        const again = (headers: Headers): Promise<StreamResponse<DescMessage, DescMessage>> =>
          rest === undefined ? this.#open(method, request, headers, terms) : this.#open(watch, rest, headers, terms);
        answers = (await tries.untilAnswered(again, rest !== undefined)).message;
      }
    }
  }
}

/** The tries of one call. */
class Tries {
  readonly #method: DescMethod;
  readonly #request: MessageShape<DescMessage>;
  readonly #session: Session;
  readonly #terms: Terms;
  readonly #patience: Patience;
  #used: string | undefined;
  #renewals = 0;

  constructor(method: DescMethod, request: MessageShape<DescMessage>, session: Session, retries: number, terms: Terms) {
    this.#method = method;
    this.#request = request;
    this.#session = session;
    this.#terms = terms;
    this.#patience = new Patience(retries, terms.signal, terms.deadline);
  }

  /** Sends until there is an answer, or an error that stays. */
  async untilAnswered<T>(send: (headers: Headers) => Promise<T>, isRead = false): Promise<T> {
    for (;;) {
      try {
        return await send(await this.#headers());
      } catch (error) {
        await this.after(error, isRead);
      }
    }
  }

  /** Something arrived: what fails from now on is new. */
  gotFurther(): void {
    this.#patience.renew();
    this.#renewals = 0;
  }

  /** Waits until the call may be sent again, with a new token if the last one was refused; throws the error if it mayn't. */
  async after(error: unknown, isRead: boolean): Promise<void> {
    const isRefused = reasonOf(error) === Reason.TOKEN_INVALID;
    if (isRefused && this.#used !== undefined && this.#renewals < RENEWALS) {
      this.#renewals += 1;
      await within(this.#terms, this.#session.renew(this.#used));
      return;
    }
    if (!isRead && !isRepeatable(this.#method, this.#request)) throw error;
    await this.#patience.after(error);
  }

  async #headers(): Promise<Headers> {
    const headers = new Headers(this.#terms.header);
    if (isPublic(this.#method) || headers.has("authorization")) return headers;
    this.#used = (await within(this.#terms, this.#session.tokens()))?.accessToken;
    if (this.#used !== undefined) headers.set("authorization", `Bearer ${this.#used}`);
    return headers;
  }
}

/** As in transports, 0 is no time limit of the caller's. */
function deadline(method: DescMethod, timeoutMs = 0): number {
  return performance.now() + (timeoutMs > 0 ? timeoutMs : patienceFor(method));
}

/** What work comes to, unless the call ends before that. The work goes on: others wait for it too. */
function within<T>({ signal, deadline }: Terms, work: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", abort);
    };
    const end = (message: string, code: Code): void => {
      leave();
      reject(new ConnectError(message, code));
    };
    const abort = (): void => end("the caller ended the call", Code.Canceled);
    const late = (): void => end("the call took longer than its deadline", Code.DeadlineExceeded);
    const timer = setTimeout(late, deadline - performance.now());
    signal?.addEventListener("abort", abort, { once: true });
    if (signal?.aborted === true) abort();
    work.finally(leave).then(resolve, reject);
  });
}

/** The whole milliseconds that are left; at least one, since 0 means no limit. */
function left(terms: Terms): number {
  return Math.max(1, Math.ceil(terms.deadline - performance.now()));
}
