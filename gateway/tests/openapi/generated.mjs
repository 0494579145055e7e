// Makes clients of the gateway's OpenAPI document by generators for TypeScript, checks their types, and has each of them do the
// main job.
// Argument: the gateway's URL.

import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";
import { join } from "node:path";

import { createClient } from "@hey-api/openapi-ts";
import { build } from "esbuild";
import openapiTS, { astToString } from "openapi-typescript";

import { check, finish } from "./checks.mjs";

const [gateway] = process.argv.slice(2);
const folder = fileURLToPath(new URL(".", import.meta.url));
const made = join(folder, "made");
mkdirSync(made, { recursive: true });
const document = await (await fetch(`${gateway}/openapi.json`)).json();
const file = join(made, "openapi.json");
writeFileSync(file, JSON.stringify(document));

/** Checks the types of a program, and runs it. */
async function run(program) {
  const flags = "--noEmit --strict --skipLibCheck --target es2022 --module esnext --moduleResolution bundler --lib es2023,dom,dom.iterable --types node";
  const tsc = join(folder, "node_modules", "typescript", "bin", "tsc");
  try {
    execFileSync(process.execPath, [tsc, ...flags.replace(" --types node", "").split(" "), `${program}.ts`], { cwd: folder });
  } catch (error) {
    throw new Error(`${program}.ts: ${error.stdout}`);
  }
  const outfile = join(made, `${program}.mjs`);
  await build({ entryPoints: [join(folder, `${program}.ts`)], bundle: true, platform: "node", format: "esm", outfile, logLevel: "error" });
  const { talk } = await import(pathToFileURL(outfile));
  await talk(gateway);
}

await check("a client by @hey-api/openapi-ts sends a message and sees the reply grow", async () => {
  const plugins = ["@hey-api/client-fetch", "@hey-api/typescript", "@hey-api/sdk"];
  await createClient({ input: file, output: join(made, "hey-api"), plugins, logs: { level: "error" } });
  await run("hey_api");
});

await check("a client by openapi-typescript sends a message and sees the reply grow", async () => {
  writeFileSync(join(made, "paths.ts"), astToString(await openapiTS(document)));
  await run("openapi_fetch");
});

finish();
