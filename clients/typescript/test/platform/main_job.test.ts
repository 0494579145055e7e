// The main job by each transport, with lost connections and expired tokens.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Transport } from "@connectrpc/connect";
import { createConnectTransport as createNodeTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

import { all, MemoryTokens, Reason, reasonOf, textOf, Troupe } from "../../src/index.js";
import { Proxy } from "./proxy.js";
import { expired, importCard, LONG, newPerson, openSession, URL_OF_PLATFORM } from "./stage.js";

const transports: Record<string, (baseUrl: string) => Transport> = {
  "connect-web": (baseUrl) => createConnectTransport({ baseUrl }),
  "connect-web in binary": (baseUrl) => createConnectTransport({ baseUrl, useBinaryFormat: true }),
  "gRPC-Web": (baseUrl) => createGrpcWebTransport({ baseUrl }),
  "connect-node over HTTP/2": (baseUrl) => createNodeTransport({ baseUrl, httpVersion: "2" }),
  "gRPC of connect-node": (baseUrl) => createGrpcTransport({ baseUrl }),
};

/** The texts of a session, oldest first. */
async function texts(troupe: Troupe, sessionId: string): Promise<string[]> {
  const found: string[] = [];
  for await (const message of all(troupe.messages.listMessages, { sessionId, pageSize: 2 })) found.unshift(message.text);
  return found;
}

for (const [name, transport] of Object.entries(transports)) {
  test(`${name}: does the main job, and goes on when connections are cut in the middle of a reply`, async () => {
    const proxy = await Proxy.before(URL_OF_PLATFORM);
    try {
      const troupe = await newPerson(proxy.url, { transport: transport(proxy.url) });
      const sessionId = await openSession(troupe);
      const before = proxy.connections;
      let said = "";
      let pieces = 0;
      for await (const text of textOf(troupe.messages.sendMessage({ sessionId, text: LONG }))) {
        said += text;
        pieces += 1;
        if (pieces === 3 || pieces === 9) proxy.cut();
      }
      assert.equal(said, LONG);
      assert.ok(proxy.connections >= before + 2, `${proxy.connections} connections, ${before} before`);
      const [, ...later] = await texts(troupe, sessionId);
      assert.deepEqual(later, [LONG, LONG]);
    } finally {
      proxy.close();
    }
  });

  test(`${name}: makes one session although the first answer was lost`, async () => {
    const proxy = await Proxy.before(URL_OF_PLATFORM);
    try {
      const troupe = await newPerson(proxy.url, { transport: transport(proxy.url) });
      const characterId = await importCard(troupe);
      proxy.cutNextAnswer();
      const { session } = await troupe.sessions.createSession({ session: { characterId } });
      assert.equal(proxy.lostAnswers, 1);
      const { sessions } = await troupe.sessions.listSessions({});
      assert.deepEqual(sessions.map(({ id }) => id), [session?.id]);
    } finally {
      proxy.close();
    }
  });

  test(`${name}: is told why it is refused`, async () => {
    const troupe = await newPerson(URL_OF_PLATFORM, { transport: transport(URL_OF_PLATFORM) });
    const sessionId = "ses_01h455vb4pex5vsknk084sn02q";
    const unary = await troupe.sessions.getSession({ sessionId }).catch((error: unknown) => error);
    assert.equal(reasonOf(unary), Reason.NOT_FOUND);
    const streamed = await texts(troupe, sessionId).catch((error: unknown) => error);
    assert.equal(reasonOf(streamed), Reason.NOT_FOUND);
  });
}

test("renews an access token that has expired, also for a stream", async () => {
  const troupe = await newPerson(URL_OF_PLATFORM);
  const sessionId = await openSession(troupe);
  const before = await troupe.tokens();
  await expired();
  await troupe.users.getProfile({});
  const between = await troupe.tokens();
  assert.notEqual(between?.accessToken, before?.accessToken);
  await expired();
  let said = "";
  for await (const text of textOf(troupe.messages.sendMessage({ sessionId, text: "one two" }))) said += text;
  assert.equal(said, "one two");
  assert.notEqual((await troupe.tokens())?.accessToken, between?.accessToken);
});

test("two tabs that renew at once stay logged in, also without locks", async () => {
  /** Tabs of a page by plain HTTP share what is stored, and take no turns. */
  class WithoutLocks extends MemoryTokens {
    override exclusively<T>(work: () => Promise<T>): Promise<T> {
      return work();
    }
  }
  for (const tokens of [new MemoryTokens(), new WithoutLocks()]) {
    const tabs = [await newPerson(URL_OF_PLATFORM, { tokens }), new Troupe(URL_OF_PLATFORM, { tokens })];
    for (let round = 0; round < 2; round += 1) {
      await expired();
      await Promise.all(tabs.concat(tabs).map((tab) => tab.users.getProfile({})));
    }
    assert.notEqual(await tokens.load(), undefined);
  }
});

test("logs out", async () => {
  const troupe = await newPerson(URL_OF_PLATFORM);
  await troupe.logOut();
  const error = await troupe.users.getProfile({}).catch((error: unknown) => error);
  assert.equal(reasonOf(error), Reason.TOKEN_MISSING);
});
