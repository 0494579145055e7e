// Pages whose refresh token is in a cookie.

import assert from "node:assert/strict";
import { afterEach, beforeEach, mock, test } from "node:test";

import { Code } from "@connectrpc/connect";

import { fetchWithCookie } from "../../src/cookie.js";
import { MemoryTokens, Reason, reasonOf, Troupe, type Tokens } from "../../src/index.js";
import { A, B, Fake, pair, refuse, withoutPauses, type Received } from "./fake.js";

beforeEach(() => withoutPauses());
afterEach(() => mock.restoreAll());

/** What pages get: the refresh token is in the cookie alone. */
const bare = (tokens: Tokens): Tokens => ({ ...tokens, refreshToken: "" });

function only(accepted: Tokens) {
  return ({ bearer }: Received) =>
    bearer === `Bearer ${accepted.accessToken}` ? {} : refuse(Code.Unauthenticated, bearer === "" ? "TOKEN_MISSING" : "TOKEN_INVALID");
}

test("logs in by a cookie and keeps no refresh token", async () => {
  const fake = new Fake({ login: () => ({ tokens: pair(bare(A)) }), logout: () => ({}), getProfile: only(A) });
  const page = fake.page();
  await page.logIn({ email: "ann@example.com", password: "x" });
  assert.equal(fake.requests("login")[0].useCookie, true);
  assert.deepEqual(await page.tokens(), bare(A));
  await page.users.getProfile({});
  await page.logOut();
  // Without asking for another pair.
  assert.equal(await page.tokens(), undefined);
  assert.deepEqual(fake.requests("refreshToken"), []);
});

test("a page that was just opened goes on by its cookie, and asks once for all of its calls", async () => {
  const fake = new Fake({ getProfile: only(B), refreshToken: () => ({ tokens: pair(bare(B)) }) });
  const page = fake.page();
  await Promise.all([page.users.getProfile({}), page.users.getProfile({}), page.tokens()]);
  assert.equal(fake.requests("refreshToken").length, 1);
  assert.deepEqual(await page.tokens(), bare(B));
});

test("a page whose cookie has nothing is told that nobody is logged in, once", async () => {
  const refusal = () => refuse(Code.Unauthenticated, "REFRESH_TOKEN_INVALID");
  const fake = new Fake({ getProfile: only(A), refreshToken: refusal, login: () => ({ tokens: pair(bare(A)) }) });
  const page = fake.page();
  assert.equal(await page.tokens(), undefined);
  const error = await page.users.getProfile({}).catch((error: unknown) => error);
  assert.equal(reasonOf(error), Reason.TOKEN_MISSING);
  assert.equal(fake.requests("refreshToken").length, 1);
  await page.logIn({ email: "ann@example.com", password: "x" });
  await page.users.getProfile({});
});

test("renews by the cookie of the same login session, and again after another tab did", async () => {
  const fake = new Fake({
    login: () => ({ tokens: pair(bare(A)) }),
    getProfile: only(B),
    refreshToken: () => {
      if (fake.requests("refreshToken").length === 1) refuse(Code.Unauthenticated, "TOKEN_SUPERSEDED");
      return { tokens: pair(bare(B)) };
    },
  });
  const page = fake.page();
  await page.logIn({ email: "ann@example.com", password: "x" });
  await page.users.getProfile({});
  const asked = fake.requests("refreshToken").map(({ refreshToken, loginSessionId }) => [refreshToken, loginSessionId]);
  assert.deepEqual(asked, [["", "lgn_1"], ["", "lgn_1"]]);
});

test("ends where the cookie is refused", async () => {
  const fake = new Fake({
    login: () => ({ tokens: pair(bare(A)) }),
    getProfile: only(B),
    refreshToken: () => refuse(Code.Unauthenticated, "REFRESH_TOKEN_INVALID"),
  });
  const page = fake.page();
  await page.logIn({ email: "ann@example.com", password: "x" });
  const error = await page.users.getProfile({}).catch((error: unknown) => error);
  assert.equal(reasonOf(error), Reason.REFRESH_TOKEN_INVALID);
  assert.equal(await page.tokens(), undefined);
});

test("sends cookies to the methods that have one, and to no other", async () => {
  const sent: [string, string | undefined][] = [];
  mock.method(globalThis, "fetch", (url: string, init?: RequestInit) => {
    sent.push([url.slice(url.lastIndexOf("/")), init?.credentials]);
    return Promise.resolve(new Response());
  });
  const auth = "https://troupe.example/troupe.users.v1.AuthService";
  for (const method of ["Login", "RefreshToken", "Logout", "Register"]) await fetchWithCookie(`${auth}/${method}`, {});
  await fetchWithCookie("https://troupe.example/troupe.users.v1.UserService/GetProfile", {});
  assert.deepEqual(sent, [
    ["/Login", "include"],
    ["/RefreshToken", "include"],
    ["/Logout", "include"],
    ["/Register", undefined],
    ["/GetProfile", undefined],
  ]);
});

test("takes no store beside the cookie", () => {
  assert.throws(() => new Troupe("http://none", { cookie: true, tokens: new MemoryTokens() }), /leave out `tokens`/);
});

test("makes addresses whole", () => {
  const troupe = new Troupe("https://troupe.example:8443");
  const address = "/api/v1/roleplay/characters/chr_1/avatar/card?sig=a%2Fb";
  assert.equal(troupe.absolute(address), `https://troupe.example:8443${address}`);
  assert.equal(troupe.absolute("https://cdn.example/a.webp"), "https://cdn.example/a.webp");
  assert.equal(troupe.absolute(""), "");
});
