// Access tokens, their renewal, and where they are kept.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Code, ConnectError, type Transport } from "@connectrpc/connect";

import { LocalStorageTokens, MemoryTokens, Reason, reasonOf, Troupe, type Tokens } from "../../src/index.js";
import { A, B, Fake, pair, refuse, signedIn, withoutPauses, type Received } from "./fake.js";

beforeEach(() => withoutPauses());
afterEach(() => mock.restoreAll());

/** A profile for those whose access token is accepted. */
function only(accepted?: Tokens) {
  return ({ bearer }: Received) =>
    bearer === `Bearer ${accepted?.accessToken}` ? {} : refuse(Code.Unauthenticated, "TOKEN_INVALID");
}

test("logs in and out", async () => {
  const fake = new Fake({ register: () => ({}), login: () => ({ tokens: pair(A) }), logout: () => ({}) });
  const client = fake.client(new MemoryTokens());
  await client.register({ email: "ann@example.com", password: "x", displayName: "Ann" });
  assert.deepEqual(await client.tokens(), A);
  await client.logOut();
  assert.equal(await client.tokens(), undefined);
  assert.equal(fake.received["login"]?.[0]?.bearer, "");
  assert.equal(fake.received["logout"]?.[0]?.bearer, "Bearer access-a");
});

test("logs out who is out already, and nobody whose call was lost", async () => {
  const fake = new Fake({
    logout: ({ bearer }) => refuse(Code.Unauthenticated, bearer === "" ? "TOKEN_MISSING" : "TOKEN_INVALID"),
    refreshToken: () => refuse(Code.Unauthenticated, "REFRESH_TOKEN_INVALID"),
  });
  for (const store of [new MemoryTokens(), signedIn()]) {
    const client = fake.client(store);
    await client.logOut();
    assert.equal(await client.tokens(), undefined);
  }
  const client = new Fake({ logout: () => refuse(Code.Unavailable) }).client();
  await assert.rejects(client.logOut());
  assert.deepEqual(await client.tokens(), A);
});

test("a call ends by its deadline or its caller while a token is renewed, and the renewal goes on", async () => {
  mock.restoreAll();
  let renewed = (_answer: unknown): void => undefined;
  const renewal = new Promise((resolve) => (renewed = resolve));
  const fake = new Fake({ getProfile: only(B), refreshToken: () => renewal });
  const client = fake.client();
  const codeOf = (call: Promise<unknown>) => call.then(() => "none", (error: unknown) => ConnectError.from(error).code);
  assert.equal(await codeOf(client.users.getProfile({}, { timeoutMs: 50 })), Code.DeadlineExceeded);
  const abort = new AbortController();
  setTimeout(() => abort.abort(), 20);
  assert.equal(await codeOf(client.users.getProfile({}, { signal: abort.signal })), Code.Canceled);
  renewed({ tokens: pair(B) });
  await client.users.getProfile({});
  assert.equal(fake.requests("refreshToken").length, 1);
});

test("a renewal has a deadline of its own, so that nobody waits for ever", async () => {
  const fake = new Fake({ getProfile: only(B), refreshToken: () => ({ tokens: pair(B) }) });
  const times: Record<string, number> = {};
  const transport: Transport = {
    ...fake.transport,
    unary: (method, signal, timeoutMs = 0, ...more) => {
      times[method.name] = timeoutMs;
      return fake.transport.unary(method, signal, timeoutMs, ...more);
    },
  };
  await new Troupe("http://none", { transport, tokens: signedIn() }).users.getProfile({});
  assert.equal(times["RefreshToken"], 15_000);
});

test("renews a refused token and sends the call again", async () => {
  const fake = new Fake({ getProfile: only(B), refreshToken: () => ({ tokens: pair(B) }) });
  const client = fake.client();
  await client.users.getProfile({});
  assert.deepEqual(fake.received["getProfile"]?.map(({ bearer }) => bearer), ["Bearer access-a", "Bearer access-b"]);
  assert.equal(fake.received["refreshToken"]?.[0]?.bearer, "");
  assert.deepEqual(await client.tokens(), B);
});

test("renews at most twice for a call", async () => {
  const fake = new Fake({ getProfile: only(), refreshToken: () => ({ tokens: pair(B) }) });
  const error = await fake.client().users.getProfile({}).catch((error: unknown) => error);
  assert.equal(reasonOf(error), Reason.TOKEN_INVALID);
  assert.equal(fake.requests("refreshToken").length, 2);
  assert.equal(fake.requests("getProfile").length, 3);
});

test("takes the pair of another tab that replaced its own at once", async () => {
  const store = signedIn();
  const C = { ...B, accessToken: "access-c", refreshToken: "refresh-c" };
  const fake = new Fake({
    getProfile: (received) => {
      if (received.bearer === "Bearer access-b") void store.save(C);
      return only(C)(received);
    },
    refreshToken: () => ({ tokens: pair(B) }),
  });
  await fake.client(store).users.getProfile({});
  assert.equal(fake.requests("refreshToken").length, 1);
});

test("many calls renew once", async () => {
  const fake = new Fake({ getProfile: only(B), refreshToken: () => ({ tokens: pair(B) }) });
  const store = signedIn();
  const clients = [fake.client(store), fake.client(store), fake.client(store)];
  await Promise.all(clients.map((client) => client.users.getProfile({})));
  assert.equal(fake.requests("getProfile").length, 6);
  assert.equal(fake.requests("refreshToken").length, 1);
});

test("takes the pair that another tab got", async () => {
  const store = signedIn();
  const fake = new Fake({
    getProfile: only(B),
    refreshToken: () => {
      // The other tab has its answer, and stores it a moment later.
      if (fake.requests("refreshToken").length === 3) void store.save(B);
      return refuse(Code.Unauthenticated, "TOKEN_SUPERSEDED");
    },
  });
  await fake.client(store).users.getProfile({});
  assert.equal(fake.requests("refreshToken").length, 3);
  assert.deepEqual(await store.load(), B);
});

test("exchanges again after a lost answer, with what is stored then", async () => {
  const store = signedIn();
  const fake = new Fake({
    getProfile: only(B),
    refreshToken: ({ request }) => {
      if (request.refreshToken === A.refreshToken) refuse(Code.Unavailable);
      return { tokens: pair(B) };
    },
  });
  const client = fake.client(store);
  await assert.rejects(client.users.getProfile({}));
  assert.equal(fake.requests("refreshToken").length, 3);
  assert.deepEqual(await store.load(), A);
});

test("ends with a refresh token that is refused", async () => {
  const fake = new Fake({
    getProfile: only(),
    refreshToken: () => refuse(Code.Unauthenticated, "REFRESH_TOKEN_INVALID"),
  });
  const client = fake.client();
  const error = await client.users.getProfile({}).catch((error: unknown) => error);
  assert.equal(reasonOf(error), Reason.REFRESH_TOKEN_INVALID);
  assert.equal(await client.tokens(), undefined);
});

test("keeps the pair of another tab when its own is refused", async () => {
  const store = signedIn();
  const fake = new Fake({
    getProfile: only(B),
    refreshToken: () => {
      void store.save(B);
      return refuse(Code.Unauthenticated, "REFRESH_TOKEN_INVALID");
    },
  });
  await fake.client(store).users.getProfile({});
  assert.deepEqual(await store.load(), B);
});

test("keeps the later of two pairs, and nobody else's", async () => {
  const other = { ...B, loginSessionId: "lgn_2", refreshExpireTime: 1 };
  for (const stored of [B, other, undefined]) {
    const store = signedIn();
    const fake = new Fake({
      getProfile: only(B),
      refreshToken: () => {
        void store.save(stored);
        return { tokens: pair({ ...A, accessToken: "access-old", refreshExpireTime: 999_000 }) };
      },
    });
    await fake.client(store).users.getProfile({}).catch(() => assert.equal(stored, undefined));
    assert.deepEqual(await store.load(), stored);
  }
});

test("tabs that share localStorage take turns by navigator.locks", async () => {
  const items = new Map<string, string>();
  const names: string[] = [];
  let last: Promise<unknown> = Promise.resolve();
  const locks = {
    request: (name: string, work: () => Promise<unknown>) => {
      names.push(name);
      return (last = last.then(work));
    },
  };
  const storage = {
    getItem: (key: string) => items.get(key) ?? null,
    setItem: (key: string, value: string) => void items.set(key, value),
    removeItem: (key: string) => void items.delete(key),
  };
  const globals = { navigator: { locks }, localStorage: storage };
  const before = Object.entries(globals).map(([name]) => [name, Object.getOwnPropertyDescriptor(globalThis, name)] as const);
  for (const [name, value] of Object.entries(globals)) Object.defineProperty(globalThis, name, { value, configurable: true });
  try {
    await new LocalStorageTokens().save(A);
    const fake = new Fake({ getProfile: only(B), refreshToken: () => ({ tokens: pair(B) }) });
    const tabs = [fake.client(new LocalStorageTokens()), fake.client(new LocalStorageTokens())];
    await Promise.all(tabs.map((tab) => tab.users.getProfile({})));
    assert.equal(fake.requests("refreshToken").length, 1);
    assert.deepEqual(names, ["troupe.tokens", "troupe.tokens"]);
    assert.deepEqual(JSON.parse(items.get("troupe.tokens") ?? ""), B);
    await new LocalStorageTokens().save(undefined);
    assert.equal(await new LocalStorageTokens().load(), undefined);
  } finally {
    for (const [name, descriptor] of before) {
      if (descriptor === undefined) delete (globalThis as Record<string, unknown>)[name];
      else Object.defineProperty(globalThis, name, descriptor);
    }
  }
});
