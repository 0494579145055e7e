// Two tabs of a real browser that share their tokens in localStorage, with locks and without.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { createServer } from "node:http";
import { join } from "node:path";
import { after, before, test } from "node:test";

import type { Troupe } from "@troupe/client";

import { expired, LONG, ROOT, URL_OF_PLATFORM } from "./stage.js";

const PACKAGE = join(ROOT, "clients/typescript");
const MODULES: Record<string, string> = {
  "@troupe/client": "/dist/index.js",
  "@bufbuild/protobuf": "/node_modules/@bufbuild/protobuf/dist/esm/index.js",
  "@connectrpc/connect": "/node_modules/@connectrpc/connect/dist/esm/index.js",
  "@connectrpc/connect-web": "/node_modules/@connectrpc/connect-web/dist/esm/index.js",
};
for (const part of ["codegenv2", "reflect", "wire", "wkt"]) {
  MODULES[`@bufbuild/protobuf/${part}`] = `/node_modules/@bufbuild/protobuf/dist/esm/${part}/index.js`;
}
for (const part of ["protocol", "protocol-connect", "protocol-grpc", "protocol-grpc-web"]) {
  MODULES[`@connectrpc/connect/${part}`] = `/node_modules/@connectrpc/connect/dist/esm/${part}/index.js`;
}
const PAGE = `<!doctype html><link rel="icon" href="data:,"><script type="importmap">${JSON.stringify({ imports: MODULES })}</script>`;

/** A tab, as `chromium.mjs` of the gateway's tests has it. */
interface Tab {
  run<A extends unknown[], T>(work: (...args: A) => T | Promise<T>, ...args: A): Promise<T>;
}
interface Browser {
  open(url: string): Promise<Tab>;
  close(): Promise<void>;
}
/** What the page keeps between calls. */
type Page = typeof globalThis & { troupe: Troupe };

const pages = createServer(async ({ url = "/" }, answer) => {
  answer.setHeader("content-type", url === "/" ? "text/html" : "text/javascript");
  answer.end(url === "/" ? PAGE : await readFile(join(PACKAGE, url)).catch(() => ""));
});
let browser: Browser;

before(async () => {
  await new Promise<void>((resolve) => pages.listen(0, "127.0.0.1", resolve));
  const { Chromium } = (await import(join(ROOT, "gateway/tests/clients/chromium.mjs"))) as {
    Chromium: new (hosts: Record<string, string>) => Browser;
  };
  browser = new Chromium({ "app.example": `127.0.0.1:${(pages.address() as AddressInfo).port}` });
});
after(async () => {
  await browser.close();
  pages.close();
});

/** In the page: makes the client. Says whether the page has locks. */
async function start(url: string): Promise<boolean> {
  const { LocalStorageTokens, Troupe } = await import("@troupe/client");
  (globalThis as Page).troupe = new Troupe(url, { tokens: new LocalStorageTokens() });
  return globalThis.navigator.locks !== undefined;
}

/** In the page: makes a client whose refresh token is in a cookie. Says who is logged in. */
async function startWithCookie(url: string): Promise<string | undefined> {
  // What another test left there.
  localStorage.clear();
  const { Troupe } = await import("@troupe/client");
  const troupe = ((globalThis as Page).troupe = new Troupe(url, { cookie: true }));
  return (await troupe.tokens())?.userId;
}

/** In the page: all that a script can read of what the page keeps. */
function kept(): string {
  return JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]);
}

/** In the page: logs out. */
async function logOut(): Promise<void> {
  await (globalThis as Page).troupe.logOut();
}

/** In the page: registers somebody. */
async function register(email: string): Promise<void> {
  await (globalThis as Page).troupe.register({ email, password: "correct horse battery", displayName: "Bo" });
}

/** In the page: reads the profile, and counts how often this tab has asked for new tokens. */
async function read(): Promise<[string, number]> {
  const { profile } = await (globalThis as Page).troupe.users.getProfile({});
  const entries = performance.getEntriesByType("resource");
  return [profile?.displayName ?? "", entries.filter(({ name }) => name.endsWith("/RefreshToken")).length];
}

/** In the page: imports a card and has a message said again. */
async function talk(card: string, text: string): Promise<string> {
  const { textOf } = await import("@troupe/client");
  const { troupe } = globalThis as Page;
  const data = Uint8Array.from(atob(card), (letter) => letter.charCodeAt(0));
  const { character } = await troupe.characters.importCharacter({ file: { data } });
  const { session } = await troupe.sessions.createSession({ session: { characterId: character?.id ?? "" } });
  let said = "";
  for await (const piece of textOf(troupe.messages.sendMessage({ sessionId: session?.id ?? "", text }))) said += piece;
  return said;
}

test("two tabs of Chromium with locks ask for new tokens once", async () => {
  const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`;
  const tabs = [await browser.open(origin), await browser.open(origin)];
  for (const tab of tabs) assert.equal(await tab.run(start, URL_OF_PLATFORM), true);
  await tabs[0]?.run(register, `tabs-${Date.now()}@example.com`);
  for (let round = 1; round <= 2; round += 1) {
    await expired();
    const found = await Promise.all(tabs.map((tab) => tab.run(read)));
    assert.deepEqual(found.map(([name]) => name), ["Bo", "Bo"]);
    assert.equal(found.reduce((sum, [, refreshes]) => sum + refreshes, 0), round);
  }
  const card = (await readFile(join(ROOT, "examples/cards/maren.png"))).toString("base64");
  assert.equal(await tabs[1]?.run(talk, card, LONG), LONG);
});

test("tabs of Chromium are logged in by a cookie that no script sees", async () => {
  const origin = `http://127.0.0.1:${(pages.address() as AddressInfo).port}/`;
  const first = await browser.open(origin);
  assert.equal(await first.run(startWithCookie, URL_OF_PLATFORM), undefined);
  await first.run(register, `cookie-${Date.now()}@example.com`);
  // One that was just opened, as after a reload.
  const second = await browser.open(origin);
  assert.match((await second.run(startWithCookie, URL_OF_PLATFORM)) ?? "", /^usr_/);
  for (let round = 1; round <= 2; round += 1) {
    const found = await Promise.all([first, second].map((tab) => tab.run(read)));
    assert.deepEqual(found.map(([name]) => name), ["Bo", "Bo"]);
    await expired();
  }
  assert.doesNotMatch(await first.run(kept), /trt_|troupe_refresh/);
  await second.run(logOut);
  const third = await browser.open(origin);
  assert.equal(await third.run(startWithCookie, URL_OF_PLATFORM), undefined);
});

test("two tabs of Chromium without locks stay logged in", async () => {
  const tabs = [await browser.open("http://app.example/"), await browser.open("http://app.example/")];
  for (const tab of tabs) assert.equal(await tab.run(start, URL_OF_PLATFORM), false);
  await tabs[0]?.run(register, `plain-${Date.now()}@example.com`);
  for (let round = 1; round <= 2; round += 1) {
    await expired();
    const found = await Promise.all(tabs.map((tab) => tab.run(read)));
    assert.deepEqual(found.map(([name]) => name), ["Bo", "Bo"]);
  }
});
