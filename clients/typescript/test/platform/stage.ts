// What the tests against a running platform share.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

import { Troupe, type TroupeOptions } from "../../src/index.js";

/** The root of the checkout, from `build/test/platform`. */
export const ROOT = fileURLToPath(new URL("../../../../../", import.meta.url));

/** Where the platform is that `cargo xtask clients` has started. */
export const URL_OF_PLATFORM = process.env["TROUPE_TEST_URL"] ?? "";
assert.notEqual(URL_OF_PLATFORM, "", "TROUPE_TEST_URL names no platform; see `cargo xtask clients`");

/** A message that takes the model a second or two to say again. */
export const LONG = Array.from({ length: 50 }, (_, index) => `wörd${index}`).join(" ");

/** A client of a new person. */
export async function newPerson(url: string, options: TroupeOptions = {}): Promise<Troupe> {
  const troupe = new Troupe(url, options);
  await troupe.register({ email: `${randomUUID()}@example.com`, password: randomUUID(), displayName: "Cora" });
  return troupe;
}

/** Imports a card. Returns the character's id. */
export async function importCard(troupe: Troupe): Promise<string> {
  const data = await readFile(`${ROOT}/examples/cards/maren.png`);
  const { character } = await troupe.characters.importCharacter({ file: { contentType: "image/png", data } });
  return character?.id ?? assert.fail("no character");
}

/** Opens a session with a new character. Returns its id. */
export async function openSession(troupe: Troupe): Promise<string> {
  const { session } = await troupe.sessions.createSession({ session: { characterId: await importCard(troupe) } });
  return session?.id ?? assert.fail("no session");
}

/** Waits until access tokens that exist now are refused. */
export async function expired(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 3_500));
}
