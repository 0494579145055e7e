// gRPC-Web against the gateway, by the clients that browsers use: connect-web in binary, Google's grpc-web in text.
// Arguments: the gateway's URL, a file of descriptors as python_grpc.py writes it, and the card to import (one of the
// examples unless it is named).

import { randomUUID } from "node:crypto";
import assert from "node:assert/strict";

import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcWebTransport } from "@connectrpc/connect-web";
import grpcWeb from "grpc-web";
import XMLHttpRequest from "xhr2";

import { check, finish } from "./checks.mjs";
import { contracts, readCard, refused } from "./rpc.mjs";

globalThis.XMLHttpRequest = XMLHttpRequest;

const [url, descriptors, cardFile] = process.argv.slice(2);
const { service, message } = contracts(descriptors);
const card = readCard(cardFile);

const transport = createGrpcWebTransport({ baseUrl: url });
const auth = createClient(service("troupe.users.v1.AuthService"), transport);
const users = createClient(service("troupe.users.v1.UserService"), transport);
const characters = createClient(service("troupe.roleplay.v1.CharacterService"), transport);
const sessions = createClient(service("troupe.roleplay.v1.SessionService"), transport);
const messages = createClient(service("troupe.roleplay.v1.MessageService"), transport);
const generations = createClient(service("troupe.roleplay.v1.GenerationService"), transport);

const email = `web-${randomUUID()}@example.com`;
const password = randomUUID();
const state = {};
const signedIn = (more = {}) => ({ headers: { authorization: `Bearer ${state.token}` }, ...more });

await check("connect-web signs up and in", async () => {
  await auth.register({ email, password, displayName: "Wilma" });
  state.token = (await auth.login({ email, password })).tokens.accessToken;
  assert.ok(state.token);
});

await check("connect-web is refused without a token, and told why", async () => {
  const error = await refused(() => users.getProfile({}), Code.Unauthenticated);
  const info = error.findDetails(message("google.rpc.ErrorInfo"))[0];
  assert.equal(info.reason, "TOKEN_MISSING");
});

await check("connect-web reads its profile", async () => {
  const answer = await users.getProfile({}, signedIn());
  assert.ok(JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? `${value}` : value)).includes("Wilma"));
});

await check("connect-web imports a card and opens a session", async () => {
  const file = { contentType: "image/png", data: card };
  const { character } = await characters.importCharacter({ file }, signedIn());
  state.session = (await sessions.createSession({ session: { characterId: character.id } }, signedIn())).session.id;
});

await check("connect-web follows a reply to its end", async () => {
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

await check("connect-web gives up at its deadline", async () => {
  await refused(() => sessions.listSessions({}, signedIn({ timeoutMs: 1 })), Code.DeadlineExceeded);
});

await check("connect-web leaves a stream early", async () => {
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

/** A method as the generator of grpc-web describes it. */
function textMethod(path, type, input, output) {
  const { MethodDescriptor } = grpcWeb;
  return new MethodDescriptor(
    path,
    type,
    message(input),
    message(output),
    (request) => toBinary(message(input), request),
    (bytes) => fromBinary(message(output), bytes),
  );
}

const text = new grpcWeb.GrpcWebClientBase({ format: "text" });

await check("grpc-web calls in text", async () => {
  const path = "/troupe.users.v1.UserService/GetProfile";
  const names = ["troupe.users.v1.GetProfileRequest", "troupe.users.v1.GetProfileResponse"];
  const method = textMethod(path, grpcWeb.MethodType.UNARY, ...names);
  const request = create(message(names[0]));
  const call = (metadata) =>
    new Promise((resolve, reject) => {
      text.rpcCall(url + path, request, metadata, method, (error, answer) => (error ? reject(error) : resolve(answer)));
    });
  assert.equal((await call({ authorization: `Bearer ${state.token}` })).$typeName, names[1]);
  const error = await call({}).then(() => assert.fail("the call succeeded"), (error) => error);
  assert.equal(error.code, 16, error.message);
});

await check("grpc-web streams in text", async () => {
  const path = "/troupe.roleplay.v1.MessageService/SendMessage";
  const names = ["troupe.roleplay.v1.SendMessageRequest", "troupe.roleplay.v1.SendMessageResponse"];
  const method = textMethod(path, grpcWeb.MethodType.SERVER_STREAMING, ...names);
  const request = create(message(names[0]), { sessionId: state.session, text: "And then?" });
  const stream = text.serverStreaming(url + path, request, { authorization: `Bearer ${state.token}` }, method);
  const kinds = [];
  await new Promise((resolve, reject) => {
    stream.on("data", (answer) => kinds.push(answer.event.event.case));
    stream.on("error", reject);
    stream.on("end", resolve);
  });
  assert.equal(kinds[0], "started");
  assert.equal(kinds.at(-1), "ended");
});

finish();
