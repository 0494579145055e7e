// Connect against the gateway: by connect-web, as in browsers, in JSON and in binary, and by connect-node over HTTP/2.
// Arguments: the gateway's URL, a file of descriptors as python_grpc.py writes it, and the card to import (one of the
// examples unless it is named).

import { randomUUID } from "node:crypto";
import assert from "node:assert/strict";

import { MethodOptions_IdempotencyLevel } from "@bufbuild/protobuf/wkt";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport as createWebTransport } from "@connectrpc/connect-web";
import { compressionGzip, createConnectTransport as createNodeTransport } from "@connectrpc/connect-node";

import { check, finish } from "./checks.mjs";
import { contracts, readCard, refused } from "./rpc.mjs";

const [url, descriptors, cardFile] = process.argv.slice(2);
const card = readCard(cardFile);
const READS = ["GetJwks", "GetProfile", "ListSessions"];

const { service, message } = contracts(descriptors, (set) => {
  // Clients ask by GET what its contract calls free of side effects by this option. The gateway also goes by a method's
  // HTTP binding.
  const methods = set.file.flatMap((file) => file.service.flatMap((service) => service.method));
  for (const method of methods.filter((method) => READS.includes(method.name))) {
    method.options.idempotencyLevel = MethodOptions_IdempotencyLevel.NO_SIDE_EFFECTS;
  }
});

/** What each request of the connect-web transports was. */
const sent = [];
async function watched(input, init) {
  const answer = await fetch(input, init);
  sent.push({ verb: init.method, url: String(input), type: answer.headers.get("content-type") });
  return answer;
}

const web = { baseUrl: url, fetch: watched, useHttpGet: true };
const transports = {
  "connect-web in JSON": createWebTransport(web),
  "connect-web in binary": createWebTransport({ ...web, useBinaryFormat: true }),
  "connect-node over HTTP/2": createNodeTransport({ baseUrl: url, httpVersion: "2", useHttpGet: true }),
  "connect-node over HTTP/2, compressing": createNodeTransport({
    baseUrl: url,
    httpVersion: "2",
    useHttpGet: true,
    sendCompression: compressionGzip,
    compressMinBytes: 0,
  }),
  "connect-node over HTTP/1.1 in JSON": createNodeTransport({
    baseUrl: url,
    httpVersion: "1.1",
    useBinaryFormat: false,
  }),
};

async function chat(name, transport) {
  const client = (name) => createClient(service(name), transport);
  const auth = client("troupe.users.v1.AuthService");
  const users = client("troupe.users.v1.UserService");
  const characters = client("troupe.roleplay.v1.CharacterService");
  const sessions = client("troupe.roleplay.v1.SessionService");
  const messages = client("troupe.roleplay.v1.MessageService");
  const generations = client("troupe.roleplay.v1.GenerationService");
  const state = {};
  const signedIn = (more = {}) => ({ headers: { authorization: `Bearer ${state.token}` }, ...more });

  await check(`${name}: signs up and in`, async () => {
    const login = { email: `connect-${randomUUID()}@example.com`, password: randomUUID() };
    await auth.register({ ...login, displayName: "Cora" });
    state.token = (await auth.login(login)).tokens.accessToken;
    assert.ok(state.token);
  });

  await check(`${name}: is refused without a token, and told why`, async () => {
    const error = await refused(() => users.getProfile({}), Code.Unauthenticated);
    const info = error.findDetails(message("google.rpc.ErrorInfo"))[0];
    assert.equal(info.reason, "TOKEN_MISSING");
  });

  await check(`${name}: is told which field is wrong`, async () => {
    const error = await refused(() => auth.register({ email: "nobody" }), Code.InvalidArgument);
    const fields = error.findDetails(message("google.rpc.BadRequest"))[0].fieldViolations;
    assert.ok(fields.some((violation) => violation.field === "email"), JSON.stringify(fields));
  });

  await check(`${name}: reads the profile and the headers`, async () => {
    let requestId;
    const onHeader = (headers) => (requestId = headers.get("x-request-id"));
    const answer = await users.getProfile({}, signedIn({ onHeader }));
    const text = JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}` : value));
    assert.ok(text.includes("Cora"), text);
    assert.ok(requestId);
    assert.ok((await auth.getJwks({})).keys.length > 0);
  });

  await check(`${name}: imports a card and opens a session`, async () => {
    const file = { contentType: "image/png", data: card };
    const { character } = await characters.importCharacter({ file }, signedIn());
    state.session = (await sessions.createSession({ session: { characterId: character.id } }, signedIn())).session.id;
  });

  await check(`${name}: follows a reply to its end`, async () => {
    const kinds = [];
    let text = "";
    let end;
    for await (const answer of messages.sendMessage({ sessionId: state.session, text: "Hello!" }, signedIn())) {
      const { case: kind, value } = answer.event.event;
      kinds.push(kind);
      if (kind === "delta") text += value.text;
      if (kind === "ended") end = value;
    }
    assert.equal(kinds[0], "started");
    assert.equal(kinds.at(-1), "ended");
    assert.equal(end.message.text.trim(), text.trim());
  });

  await check(`${name}: learns at the end of a stream that it failed`, async () => {
    const request = { sessionId: "ses_01h455vb4pex5vsknk084sn02q", text: "Hello?" };
    await refused(async () => {
      for await (const _ of messages.sendMessage(request, signedIn()));
    }, Code.NotFound);
  });

  await check(`${name}: gives up at its deadline`, async () => {
    await refused(() => sessions.listSessions({}, signedIn({ timeoutMs: 1 })), Code.DeadlineExceeded);
  });

  await check(`${name}: leaves a stream early`, async () => {
    const abort = new AbortController();
    const request = { sessionId: state.session, text: "Tell me more." };
    let generation;
    await refused(async () => {
      for await (const answer of messages.sendMessage(request, signedIn({ signal: abort.signal }))) {
        generation ??= answer.event.event.value.generation?.id;
        abort.abort();
      }
    }, Code.Canceled);
    await generations.cancelGeneration({ generationId: generation }, signedIn());
  });
}

for (const [name, transport] of Object.entries(transports)) {
  await chat(name, transport);
}

await check("connect-web asks what changes nothing by GET, and the rest by POST", async () => {
  for (const { verb, url } of sent) {
    const method = new URL(url).pathname.split("/").at(-1);
    assert.equal(verb, READS.includes(method) ? "GET" : "POST", url);
  }
  for (const type of ["application/json", "application/proto", "application/connect+json", "application/connect+proto"]) {
    assert.ok(sent.some((request) => request.type === type), type);
  }
  assert.ok(sent.some(({ verb }) => verb === "GET"));
});

await check("JSON needs no library", async () => {
  const answer = await fetch(`${url}/troupe.users.v1.AuthService/GetJwks`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  assert.equal(answer.status, 200);
  assert.ok((await answer.json()).keys.length > 0);
});

finish();
