// Why a call failed, and whether it may be sent again.

import { getOption } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import { Reason, ReasonSchema } from "./gen/troupe/errors/v1/reason_pb.js";
import { policy as reasonPolicy, Retry } from "./gen/troupe/errors/v1/reason_policy_pb.js";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "./gen/google/rpc/error_details_pb.js";

/** What Troupe says about a call that it refused. */
export interface Refusal {
  /** The reason, to compare with; `Reason.UNSPECIFIED` if this version of the package doesn't know it. */
  reason: Reason;
  /** The reason's name, such as `CARD_INVALID`. */
  name: string;
  /** What is wrong and what to do, for people. It may change. */
  message: string;
  /** More about it; the contract's comment on the reason names the keys. */
  metadata: Record<string, string>;
  /** The fields that break a rule, if the request has such. */
  violations: { field: string; description: string }[];
  /** When to come back, in milliseconds, if Troupe says so. */
  retryAfterMs: number | undefined;
  /** Finds the request in the operator's log. */
  requestId: string;
}

/** What Troupe said, if it refused a call; undefined if the error comes from elsewhere, such as a lost connection. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const info = error.findDetails(ErrorInfoSchema)[0];
  if (info === undefined) return undefined;
  const violations = error.findDetails(BadRequestSchema).flatMap((bad) => bad.fieldViolations);
  return {
    reason: reasonNamed(info.reason),
    name: info.reason,
    message: error.rawMessage,
    metadata: info.metadata,
    violations: violations.map(({ field, description }) => ({ field, description })),
    retryAfterMs: retryAfterMs(error),
    requestId: error.findDetails(RequestInfoSchema)[0]?.requestId ?? "",
  };
}

/** A reply that failed after it had begun, such as one whose provider went away. */
export class ReplyFailed extends Error {
  /** The reason; `Reason.UNSPECIFIED` if this version of the package doesn't know it. */
  readonly reason: Reason;

  constructor(reason: string, message: string) {
    super(message);
    this.name = "ReplyFailed";
    this.reason = reasonNamed(reason);
  }
}

function reasonNamed(name: string): Reason {
  return Reason[name as keyof typeof Reason] ?? Reason.UNSPECIFIED;
}

/** The reason of a refusal, or of a reply that failed; `Reason.UNSPECIFIED` for any other error. */
export function reasonOf(error: unknown): Reason {
  if (error instanceof ReplyFailed) return error.reason;
  return refusalOf(error)?.reason ?? Reason.UNSPECIFIED;
}

/** Whether the answer got lost on its way, or the request did: nobody knows whether the call had its effect. */
export function isLost(error: unknown): boolean {
  const { code } = ConnectError.from(error);
  return LOST.has(code) && refusalOf(error) === undefined;
}

/** Whether the same request may succeed a little later: by the catalogue of reasons, or because it was lost. */
export function isPassing(error: unknown): boolean {
  const refusal = refusalOf(error);
  if (refusal === undefined) return isLost(error);
  const { code } = ConnectError.from(error);
  if (code !== Code.Unavailable && code !== Code.ResourceExhausted) return false;
  const known = refusal.reason === Reason.UNSPECIFIED ? undefined : ReasonSchema.value[refusal.reason];
  return known === undefined || getOption(known, reasonPolicy).retry === Retry.LATER;
}

/** What transports call an answer that didn't come, or stopped in the middle. A call that its caller ended is none. */
const LOST: ReadonlySet<Code> = new Set([
  Code.Unknown,
  Code.Unavailable,
  Code.Internal,
  Code.Aborted,
  Code.DataLoss,
  Code.Canceled,
  Code.InvalidArgument,
]);

/** When to come back, in milliseconds, if Troupe says so, or what stands between it and the client. */
export function retryAfterMs(error: unknown): number | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  const delay = error.findDetails(RetryInfoSchema)[0]?.retryDelay;
  if (delay !== undefined) return Number(delay.seconds) * 1000 + delay.nanos / 1e6;
  const header = error.metadata.get("retry-after");
  return header === null || !/^\d+$/.test(header) ? undefined : Number(header) * 1000;
}
