// Request ids, retries, errors and pages.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";

import {
  BadRequestSchema,
  ErrorInfoSchema,
  RequestInfoSchema,
  RetryInfoSchema,
} from "../../src/gen/google/rpc/error_details_pb.js";
import { CreateSessionRequestSchema } from "../../src/gen/troupe/roleplay/v1/session_service_pb.js";
import { all, Reason, reasonOf, refusalOf } from "../../src/index.js";
import { Patience } from "../../src/patience.js";
import { Fake, refuse, seconds, withoutPauses } from "./fake.js";

let pauses: number[];
beforeEach(() => (pauses = withoutPauses()));
afterEach(() => mock.restoreAll());

test("fills request ids anew for each call", async () => {
  const fake = new Fake({ createSession: () => ({}) });
  const { sessions } = fake.client();
  const request = create(CreateSessionRequestSchema, {});
  await sessions.createSession(request);
  await sessions.createSession(request);
  await sessions.createSession({ requestId: "mine" });
  const [first, second, third] = fake.requests("createSession").map(({ requestId }) => requestId as string);
  assert.match(first ?? "", /^[0-9a-f]{32}$/);
  assert.notEqual(first, second);
  assert.equal(third, "mine");
  assert.equal(request.requestId, "", "the caller's own request changed");
});

test("sends the same request again twice, and then gives up", async () => {
  const fake = new Fake({ createSession: () => refuse(Code.Unavailable, "UNAVAILABLE") });
  const error = await fake.client().sessions.createSession({}).catch((error: unknown) => error);
  assert.equal(reasonOf(error), Reason.UNAVAILABLE);
  const [first, ...others] = fake.requests("createSession");
  assert.deepEqual(others, [first, first]);
  assert.equal(pauses.length, 2);
});

test("never repeats what is neither idempotent nor has an id", async () => {
  for (const [code, reason] of [[Code.Unavailable, ""], [Code.Unavailable, "UNAVAILABLE"], [Code.ResourceExhausted, "RATE_LIMITED"]] as const) {
    const fake = new Fake({ login: () => refuse(code, reason) });
    await assert.rejects(fake.client().logIn({ email: "ann@example.com", password: "x" }));
    assert.equal(fake.requests("login").length, 1, reason);
  }
});

test("goes by the catalogue of reasons", async () => {
  const tries = [
    [Code.ResourceExhausted, "RATE_LIMITED", 3],
    [Code.ResourceExhausted, "REQUEST_TOO_LARGE", 1],
    [Code.ResourceExhausted, "MADE_LATER_THAN_THIS_CLIENT", 3],
    [Code.Aborted, "GENERATION_RUNNING", 1],
    [Code.NotFound, "NOT_FOUND", 1],
    [Code.Internal, "INTERNAL", 1],
    [Code.Internal, "", 3],
    [Code.Unimplemented, "", 1],
    [Code.DeadlineExceeded, "", 1],
  ] as const;
  for (const [code, reason, expected] of tries) {
    const fake = new Fake({ getProfile: () => refuse(code, reason) });
    await assert.rejects(fake.client().users.getProfile({}));
    assert.equal(fake.requests("getProfile").length, expected, `${Code[code]} ${reason}`);
  }
});

test("sends as often as it is told to", async () => {
  const fake = new Fake({ getProfile: () => refuse(Code.Unavailable) });
  await assert.rejects(fake.client(undefined, 0).users.getProfile({}));
  assert.equal(fake.requests("getProfile").length, 1);
});

test("waits as long as it is told to, and not for ever", async () => {
  const busy = (wait: number) => {
    const details = [
      { desc: ErrorInfoSchema, value: { reason: "RATE_LIMITED" } },
      { desc: RetryInfoSchema, value: { retryDelay: seconds(wait) } },
    ];
    return new ConnectError("no", Code.ResourceExhausted, undefined, details);
  };
  const patience = new Patience(2);
  await patience.after(busy(2.5));
  await patience.after(busy(2.5));
  const [first = 0, second = 0] = pauses;
  assert.ok(first >= 2_700 && first <= 3_100 && second >= 2_900 && second <= 3_700, `${pauses}`);
  await assert.rejects(patience.after(busy(2.5)));
  await assert.rejects(new Patience(2).after(busy(31)));
});

test("goes by what a proxy says too", async () => {
  const patience = new Patience(1);
  await patience.after(new ConnectError("no", Code.Unavailable, new Headers({ "retry-after": "2" })));
  const [pause = 0] = pauses;
  assert.ok(pause >= 2_200 && pause <= 2_600, `${pauses}`);
});

test("doesn't wait for what comes after the caller's deadline", async () => {
  const details = { desc: RetryInfoSchema, value: { retryDelay: seconds(2.5) } };
  const fake = new Fake({ getProfile: () => refuse(Code.ResourceExhausted, "RATE_LIMITED", details) });
  const error = await fake.client().users.getProfile({}, { timeoutMs: 2_000 }).catch((error: unknown) => error);
  assert.equal(reasonOf(error), Reason.RATE_LIMITED);
  assert.equal(fake.requests("getProfile").length, 1);
});

test("stops waiting when the caller ends the call", async () => {
  const abort = new AbortController();
  const fake = new Fake({
    getProfile: () => {
      abort.abort();
      return refuse(Code.Unavailable);
    },
  });
  await assert.rejects(fake.client().users.getProfile({}, { signal: abort.signal }));
  assert.equal(fake.requests("getProfile").length, 1);
});

test("sends nothing again after the caller's deadline", async () => {
  mock.restoreAll();
  const fake = new Fake({ getProfile: () => refuse(Code.Unavailable) });
  await assert.rejects(fake.client(undefined, 1000).users.getProfile({}, { timeoutMs: 1 }));
  assert.equal(fake.requests("getProfile").length, 1);
});

test("tells all that a refusal says", async () => {
  const details = [
    { desc: BadRequestSchema, value: { fieldViolations: [{ field: "title", description: "is too long" }] } },
    { desc: RetryInfoSchema, value: { retryDelay: seconds(1.5) } },
    { desc: RequestInfoSchema, value: { requestId: "req-1" } },
  ];
  const fake = new Fake({ createSession: () => refuse(Code.InvalidArgument, "INVALID_REQUEST", ...details) });
  const error = await fake.client().sessions.createSession({}).catch((error: unknown) => error);
  assert.deepEqual(refusalOf(error), {
    reason: Reason.INVALID_REQUEST,
    name: "INVALID_REQUEST",
    message: "no",
    metadata: {},
    violations: [{ field: "title", description: "is too long" }],
    retryAfterMs: 1500,
    requestId: "req-1",
  });
});

test("knows no reason of errors that aren't Troupe's", () => {
  assert.equal(refusalOf(new TypeError("fetch failed")), undefined);
  assert.equal(refusalOf(new ConnectError("no", Code.Unavailable)), undefined);
  const details = [{ desc: ErrorInfoSchema, value: { reason: "MADE_LATER_THAN_THIS_CLIENT" } }];
  const refusal = refusalOf(new ConnectError("no", Code.Aborted, undefined, details));
  assert.deepEqual([refusal?.reason, refusal?.name], [Reason.UNSPECIFIED, "MADE_LATER_THAN_THIS_CLIENT"]);
});

test("iterates over all pages, and asks for each when it is needed", async () => {
  const pages: Record<string, [string, string]> = { "": ["ab", "2"], 2: ["c", "3"], 3: ["", "4"], 4: ["d", ""] };
  const fake = new Fake({
    listSessions: ({ request }) => {
      const [ids = "", nextPageToken = ""] = pages[request.pageToken as string] ?? [];
      return { sessions: [...ids].map((id) => ({ id })), nextPageToken };
    },
  });
  const found: string[] = [];
  for await (const session of all(fake.client().sessions.listSessions, { pageSize: 2 })) {
    found.push(session.id);
    if (found.length === 2) assert.equal(fake.requests("listSessions").length, 1);
  }
  assert.deepEqual(found, ["a", "b", "c", "d"]);
  assert.deepEqual(fake.requests("listSessions").map(({ pageSize }) => pageSize as number), [2, 2, 2, 2]);
});

test("asks for no page after the caller has ended the list", async () => {
  const fake = new Fake({ listSessions: () => ({ sessions: [{ id: "a" }], nextPageToken: "2" }) });
  const abort = new AbortController();
  await assert.rejects(async () => {
    for await (const _ of all(fake.client().sessions.listSessions, {}, { signal: abort.signal })) abort.abort();
  });
  assert.equal(fake.requests("listSessions").length, 1);
});
