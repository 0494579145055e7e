// What the hand-written part needs of the contracts by name, each name once: the policy of a method, request ids, and the events
// of a generation.

import { clone, create, getOption, isFieldSet } from "@bufbuild/protobuf";
import type { DescMessage, DescMethod, MessageShape } from "@bufbuild/protobuf";

import { policy as methodPolicy, Audience, type MethodPolicy } from "./gen/troupe/options/v1/policy_pb.js";
import { GenerationEventSchema, type GenerationEvent } from "./gen/troupe/roleplay/v1/generation_pb.js";
import { GenerationService, WatchGenerationRequestSchema } from "./gen/troupe/roleplay/v1/generation_service_pb.js";

/** Whether a method is called without an access token. */
export function isPublic(method: DescMethod): boolean {
  return policyOf(method).audience === Audience.PUBLIC;
}

/** Whether a method reads or sets the cookie with a page's refresh token. */
export function hasCookie(method: DescMethod): boolean {
  return policyOf(method).cookie !== "";
}

/** Beyond the contract's time, so that Troupe's own refusal arrives first. */
const GRACE_MS = 5_000;

/** How long a call is waited for, in milliseconds: a little longer than it may take by its contract. */
export function patienceFor(method: DescMethod): number {
  const { seconds = 0n, nanos = 0 } = policyOf(method).timeout ?? {};
  return Number(seconds) * 1000 + nanos / 1e6 + GRACE_MS;
}

/** Whether sending the same request twice does no more than sending it once. */
export function isRepeatable(method: DescMethod, request: MessageShape<DescMessage>): boolean {
  const field = requestIdOf(method.input);
  return policyOf(method).idempotent || (field !== undefined && isFieldSet(request, field));
}

/** The request with an id, where its method takes one and the caller gave none. The caller's own object stays as it is. */
export function identified<I extends DescMessage>(schema: I, request: MessageShape<I>): MessageShape<I> {
  const field = requestIdOf(schema);
  if (field === undefined || isFieldSet(request, field)) return request;
  const copy = clone(schema, request);
  (copy as unknown as Record<string, unknown>)[field.localName] = newRequestId();
  return copy;
}

/** The method by which a reply is watched from an offset. */
export const watch = GenerationService.method.watchGeneration;

/** A request to watch a reply from what was reached. */
export function watchRequest(generationId: string, offset: Offset): MessageShape<typeof watch.input> {
  return create(WatchGenerationRequestSchema, { generationId, offset });
}

/** A place in a reply, in bytes of UTF-8. */
export type Offset = MessageShape<typeof watch.input>["offset"];

/** The start of every reply. */
export const START: Offset = 0;

/** What happened in a generation. */
export type ReplyEvent = GenerationEvent["event"];

/** Whether a method streams a generation's events. */
export function isReply(method: DescMethod): boolean {
  return method.methodKind === "server_streaming" && method.output.field["event"]?.message === GenerationEventSchema;
}

/** The event in an answer of a method that streams a reply. */
export function eventOf(answer: object): ReplyEvent | undefined {
  return (answer as { event?: GenerationEvent }).event?.event;
}

/** The offset from which a request wants a reply: that of a watch, or the start. */
export function offsetOf(request: object): Offset {
  return (request as { offset?: Offset }).offset ?? START;
}

/** The same event as an answer of another method that streams a reply. */
export function recast<O extends DescMessage>(output: O, answer: object): MessageShape<O> {
  const { $typeName: _, ...fields } = answer as { $typeName: string };
  return create<DescMessage>(output, fields) as MessageShape<O>;
}

function policyOf(method: DescMethod): MethodPolicy {
  return getOption(method, methodPolicy);
}

function requestIdOf(input: DescMessage) {
  return input.fields.find((field) => field.name === "request_id");
}

/** `crypto.randomUUID` isn't there on pages by plain HTTP. */
function newRequestId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
