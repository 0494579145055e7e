// A real browser against the gateway: pages of another origin that may call it and one that may not, and the
// documentation that it serves.
// Arguments: the gateway's URL, and the folder for screenshots, if they are wanted. The gateway must allow the origin
// http://app.example and no other.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

import { check, finish } from "./checks.mjs";
import { Chromium } from "./chromium.mjs";

const ALLOWED = "http://app.example";
const STRANGER = "http://other.example";

const [gateway, screenshots] = process.argv.slice(2);
const api = `${gateway}/api/v1`;
const card = readFileSync(new URL("../../../examples/cards/maren.png", import.meta.url)).toString("base64");
const login = { email: `browser-${randomUUID()}@example.com`, password: randomUUID() };
const displayName = "Bo of the browser";
const state = {};

/** In the page: posts JSON, which a browser does after a preflight, and gives the answer's JSON. */
async function post(url, body, token) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  const requestId = answer.headers.get("x-request-id");
  return { status: answer.status, requestId, json: await answer.json() };
}

/** In the page: posts a picture, and gives the answer's JSON. */
async function upload(url, base64, token) {
  const body = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  const headers = { "content-type": "image/png", authorization: `Bearer ${token}` };
  const answer = await fetch(url, { method: "POST", headers, body });
  return { status: answer.status, json: await answer.json() };
}

/** In the page: calls a method with an empty message by gRPC-Web, and gives what the page can read of the answer. */
async function callGrpcWeb(url, token) {
  const headers = { "content-type": "application/grpc-web+proto", "x-grpc-web": "1", "grpc-timeout": "20S" };
  if (token) headers.authorization = `Bearer ${token}`;
  const answer = await fetch(url, { method: "POST", headers, body: new Uint8Array(5) });
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const frames = [];
  for (let at = 0; at < bytes.length; ) {
    const length = new DataView(bytes.buffer).getUint32(at + 1);
    const content = bytes.subarray(at + 5, at + 5 + length);
    frames.push({ flag: bytes[at], text: new TextDecoder().decode(content) });
    at += 5 + length;
  }
  const exposed = ["grpc-status", "grpc-message", "grpc-status-details-bin", "x-request-id"];
  const readable = Object.fromEntries(exposed.map((name) => [name, answer.headers.get(name)]));
  return { status: answer.status, type: answer.headers.get("content-type"), headers: readable, frames };
}

/** In the page: calls a method with an empty message by Connect, as its clients do. */
async function callConnect(url, verb, token) {
  const headers = { "connect-protocol-version": "1", "connect-timeout-ms": "20000" };
  if (token) headers.authorization = `Bearer ${token}`;
  if (verb === "POST") headers["content-type"] = "application/json";
  const [target, body] = verb === "POST" ? [url, "{}"] : [`${url}?connect=v1&encoding=json&message=%7B%7D`];
  const answer = await fetch(target, { method: verb, headers, body });
  return { status: answer.status, requestId: answer.headers.get("x-request-id"), json: await answer.json() };
}

/** In the page: posts a message and reads its reply as Server-Sent Events, piece by piece. */
async function readReply(url, text, token) {
  const headers = {
    accept: "text/event-stream",
    authorization: `Bearer ${token}`,
    "content-type": "application/json",
  };
  const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify({ text }) });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let all = "";
  let pieces = 0;
  for (let { done, value } = await reader.read(); !done; { done, value } = await reader.read()) {
    all += value;
    pieces += 1;
  }
  return { status: answer.status, type: answer.headers.get("content-type"), all, pieces };
}

/** In the page: posts JSON with the browser's cookies, and gives the answer's JSON and what a script sees of the cookies. */
async function postWithCookies(url, body, token) {
  const headers = { "content-type": "application/json" };
  if (token) headers.authorization = `Bearer ${token}`;
  const init = { method: "POST", headers, body: JSON.stringify(body), credentials: "include" };
  const answer = await fetch(url, init);
  const seen = document.cookie + (answer.headers.get("set-cookie") ?? "");
  return { status: answer.status, seen, json: await answer.json() };
}

/** In the page: what a call comes to where the browser keeps its answer from the page. */
async function refusal(url, init) {
  try {
    const answer = await fetch(url, init);
    return `answered ${answer.status}`;
  } catch (error) {
    return error.name;
  }
}

/** In the page: waits until `selector` matches `count` elements, and gives how many it matches. */
async function elements(selector, count) {
  const until = performance.now() + 60_000;
  const found = new Set();
  const look = () => document.querySelectorAll(selector).forEach((element) => found.add(element.id || element));
  for (look(); found.size < count && performance.now() < until; look()) {
    // Of a long list, the page has what is in view.
    const atEnd = scrollY + innerHeight >= document.documentElement.scrollHeight - 1;
    scrollTo(0, atEnd ? 0 : scrollY + innerHeight / 2);
    await new Promise((soon) => setTimeout(soon, 50));
  }
  return found.size;
}

/** In the page: opens a part of it. */
function click(selector) {
  document.querySelector(selector).click();
}

/** In the page: keeps a token as Authorize does, for the next load. */
function authorize(token) {
  const schema = { type: "http", scheme: "bearer" };
  localStorage.setItem("authorized", JSON.stringify({ bearer: { name: "bearer", schema, value: token } }));
}

/** In the page: opens an operation, fills its parameter and its body, calls it, and gives each text that the answer then had. */
async function tryOut(operation, parameter, body) {
  const until = performance.now() + 60_000;
  const found = async (selector) => {
    for (;;) {
      const element = document.querySelector(`${operation} ${selector}`);
      if (element) return element;
      if (performance.now() > until) throw new Error(`the page has no ${selector}`);
      await new Promise((soon) => setTimeout(soon, 50));
    }
  };
  const fill = (element, text) => {
    const { set } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), "value");
    set.call(element, text);
    for (const kind of ["input", "change"]) element.dispatchEvent(new Event(kind, { bubbles: true }));
  };
  (await found(".opblock-summary-control")).click();
  (await found(".try-out__btn")).click();
  fill(await found(".parameters input"), parameter);
  fill(await found("textarea.body-param__text"), body);
  await new Promise((soon) => setTimeout(soon, 500));
  (await found("button.execute")).click();
  const texts = [];
  while (performance.now() < until) {
    const shown = document.querySelector(`${operation} .live-responses-table .response-col_description pre`)?.innerText;
    if (shown && shown !== texts.at(-1)) texts.push(shown);
    if (shown?.includes("event: ended")) return texts;
    await new Promise((soon) => setTimeout(soon, 5));
  }
  throw new Error(`the page shows no end: ${texts.at(-1)}`);
}

const pages = createServer((_, answer) => {
  answer.setHeader("content-type", "text/html");
  answer.end('<!doctype html><link rel="icon" href="data:,"><title>A page of another origin</title>');
});
await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
const host = `127.0.0.1:${pages.address().port}`;
const browser = new Chromium({ "app.example": host, "other.example": host });

await check("Chromium posts JSON from an origin that is allowed", async () => {
  state.app = await browser.open(ALLOWED);
  const registered = await state.app.run(post, `${api}/users/register`, { ...login, displayName });
  assert.equal(registered.status, 200, JSON.stringify(registered));
  assert.ok(registered.requestId, "the page can't read x-request-id");
  const { json } = await state.app.run(post, `${api}/users/login`, login);
  state.token = json.accessToken;
  assert.ok(state.token, JSON.stringify(json));
});

await check("Chromium reads a refusal in JSON", async () => {
  const { status, json } = await state.app.run(post, `${api}/roleplay/sessions`, {});
  assert.deepEqual([status, json.details[0].reason], [401, "TOKEN_MISSING"]);
});

await check("Chromium calls by gRPC-Web and reads the trailers", async () => {
  const url = `${gateway}/troupe.users.v1.UserService/GetProfile`;
  const { status, type, headers, frames } = await state.app.run(callGrpcWeb, url, state.token);
  assert.deepEqual([status, type], [200, "application/grpc-web+proto"]);
  assert.deepEqual(frames.map((frame) => frame.flag), [0, 0x80]);
  assert.ok(frames[0].text.includes(displayName), frames[0].text);
  assert.match(frames[1].text, /^grpc-status: ?0\r\n/m);
  assert.ok(headers["x-request-id"], "the page can't read x-request-id");
});

await check("Chromium calls by Connect, by POST and by GET, and reads a refusal", async () => {
  const url = `${gateway}/troupe.users.v1.UserService/GetProfile`;
  for (const verb of ["POST", "GET"]) {
    const { status, requestId, json } = await state.app.run(callConnect, url, verb, state.token);
    assert.equal(status, 200, JSON.stringify(json));
    assert.ok(JSON.stringify(json).includes(displayName), JSON.stringify(json));
    assert.ok(requestId, "the page can't read x-request-id");
    const refused = await state.app.run(callConnect, url, verb);
    assert.deepEqual([refused.status, refused.json.code], [401, "unauthenticated"]);
    assert.equal(refused.json.details[0].debug.reason, "TOKEN_MISSING");
  }
});

await check("Chromium reads a refusal in gRPC-Web", async () => {
  const url = `${gateway}/troupe.users.v1.UserService/GetProfile`;
  const { status, headers, frames } = await state.app.run(callGrpcWeb, url);
  const trailers = Object.fromEntries(
    frames.flatMap((frame) => frame.text.trim().split("\r\n").map((line) => line.split(/: ?/, 2))),
  );
  const told = (name) => headers[name] ?? trailers[name];
  assert.equal(status, 200);
  assert.equal(told("grpc-status"), "16");
  assert.ok(told("grpc-message") && told("grpc-status-details-bin"), JSON.stringify({ headers, trailers }));
});

await check("Chromium reads a reply as server-sent events while it grows", async () => {
  const imported = await state.app.run(upload, `${api}/roleplay/characters:import`, card, state.token);
  const characterId = imported.json.character.id;
  state.characterId = characterId;
  const opened = await state.app.run(post, `${api}/roleplay/sessions`, { characterId }, state.token);
  const url = `${api}/roleplay/sessions/${opened.json.session.id}/messages`;
  const { status, type, all, pieces } = await state.app.run(readReply, url, "Hello!", state.token);
  assert.deepEqual([status, type], [200, "text/event-stream"], all);
  const blocks = all.split("\n\n").filter((block) => block.includes("data: "));
  const events = blocks.map((block) => JSON.parse(block.slice(block.indexOf("data: ") + "data: ".length)));
  assert.ok("started" in events[0] && "ended" in events.at(-1), all);
  const text = events.map((event) => event.delta?.text ?? "").join("");
  assert.equal(text.trim(), events.at(-1).ended.message.text.trim());
  assert.ok(pieces > 1, "all events came at once");
});

await check("Chromium keeps answers from an origin that isn't allowed", async () => {
  const page = await browser.open(STRANGER);
  const json = { "content-type": "application/json" };
  const body = JSON.stringify(login);
  const calls = [
    [`${api}/users/login`, { method: "POST", headers: json, body }],
    [`${api}/users/profile`, { headers: { authorization: `Bearer ${state.token}` } }],
    [`${gateway}/healthz`, {}],
  ];
  for (const [url, init] of calls) assert.equal(await page.run(refusal, url, init), "TypeError", url);
  assert.ok(page.errors.some((text) => text.includes("blocked by CORS policy")), page.errors.join("\n"));
});

const cookieLogin = { ...login, useCookie: true };

/** Signs in, renews twice and signs out, with a refresh token that only the browser has. */
async function livesByCookie(page) {
  const signedIn = await page.run(postWithCookies, `${api}/users/login`, cookieLogin);
  assert.deepEqual([signedIn.status, signedIn.seen], [200, ""], JSON.stringify(signedIn));
  assert.equal(signedIn.json.refreshToken ?? "", "");
  let renewed;
  for (const body of [{}, { loginSessionId: signedIn.json.loginSessionId }]) {
    renewed = await page.run(postWithCookies, `${api}/users/refresh`, body);
    assert.deepEqual([renewed.status, renewed.seen], [200, ""], JSON.stringify(renewed));
    assert.equal(renewed.json.loginSessionId, signedIn.json.loginSessionId);
  }
  const out = await page.run(postWithCookies, `${api}/users/logout`, {}, renewed.json.accessToken);
  assert.equal(out.status, 200, JSON.stringify(out));
  const gone = await page.run(postWithCookies, `${api}/users/refresh`, {});
  assert.deepEqual([gone.status, gone.json.details[0].reason], [401, "REFRESH_TOKEN_INVALID"]);
}

await check("Chromium keeps the refresh token of a page of the gateway", async () => {
  await livesByCookie(await browser.open(`${gateway}/docs`));
});

await check("Chromium keeps the refresh token of a page at another port of this machine", async () => {
  await livesByCookie(await browser.open(`http://${host}`));
});

await check("Chromium keeps no refresh token for a page of another site", async () => {
  const own = await browser.open(`${gateway}/docs`);
  const signedIn = await own.run(postWithCookies, `${api}/users/login`, cookieLogin);
  assert.equal(signedIn.status, 200);
  for (const [method, body] of [["login", cookieLogin], ["refresh", {}]]) {
    // Allowed by its name, and of another site: with cookies the browser keeps the answer, without them it is refused.
    const other = await state.app.run(post, `${api}/users/${method}`, body);
    assert.deepEqual([other.status, other.json.details[0].reason], [403, "COOKIE_REFUSED"], method);
  }
  const still = await own.run(postWithCookies, `${api}/users/refresh`, {});
  assert.equal(still.status, 200, JSON.stringify(still.json));
});

const { paths } = await (await fetch(`${gateway}/openapi.json`)).json();
const operations = Object.values(paths).reduce((sum, path) => sum + Object.keys(path).length, 0);

async function documentation(path, selector, parts) {
  const page = await browser.open(gateway + path);
  assert.equal(await page.run(elements, selector, operations), operations, "operations shown");
  for (const part of parts) {
    assert.ok((await page.run(elements, part, 1)) > 0, `the page has no ${part}`);
    await page.run(click, part);
  }
  if (screenshots) writeFileSync(join(screenshots, `${path.slice(1)}.png`), await page.screenshot());
  const text = await page.run(() => document.body.textContent);
  assert.ok(text.includes(`api=${gateway}/api/v1`), "examples call another platform");
  const elsewhere = page.requests.filter((url) => !url.startsWith(`${gateway}/`) && !/^(data|blob):/.test(url));
  assert.deepEqual(elsewhere, [], "requests to other hosts");
  assert.deepEqual(page.errors, []);
}

await check("Chromium shows every operation in Swagger UI", async () => {
  await documentation("/docs", ".opblock", [".opblock-summary-control", ".opblock .try-out__btn"]);
});

await check("Chromium shows a reply in Swagger UI while it grows", async () => {
  const { json } = await state.app.run(post, `${api}/roleplay/sessions`, { characterId: state.characterId }, state.token);
  const page = await browser.open(`${gateway}/docs`);
  await page.run(authorize, state.token);
  const docs = await browser.open(`${gateway}/docs`);
  await docs.run(elements, "#operations-Messages-sendMessage", 1);
  const body = JSON.stringify({ text: "Tell me about the sea." });
  const texts = await docs.run(tryOut, "#operations-Messages-sendMessage", json.session.id, body);
  const growing = texts.filter((text) => text.includes("event: started") && !text.includes("event: ended"));
  assert.ok(growing.length > 1, `the page shows ${texts.length} texts, of which ${growing.length} grow`);
  if (screenshots) writeFileSync(join(screenshots, "stream.png"), await docs.screenshot());
  assert.deepEqual(docs.errors, []);
});

await check("Chromium shows every operation in ReDoc", async () => {
  await documentation("/redoc", "[data-section-id^='operation/']", ["button"]);
});

await browser.close();
pages.close();
finish();
