// The first program of each README, as it stands there, but for the platform's port.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { ROOT, URL_OF_PLATFORM } from "./stage.js";

const PACKAGE = join(ROOT, "clients/typescript");
const FOLDER = join(PACKAGE, "build/readme");
const ADDRESS = "http://127.0.0.1:8000";

/** Sends what goes to the README's address to the platform of the tests. */
const REDIRECT = `
const { fetch } = globalThis;
globalThis.fetch = (url, init) => fetch(String(url).replace("${ADDRESS}", "${URL_OF_PLATFORM}"), init);
`;

for (const file of ["README.md", "clients/typescript/README.md"]) {
  test(`${file}: the first program in TypeScript runs as it stands`, () => {
    const readme = readFileSync(join(ROOT, file), "utf8");
    const [, program = ""] = /```ts\n(.*?)```/s.exec(readme) ?? [];
    assert.ok(program.includes(ADDRESS), "the README has no program");
    assert.ok(program.trimEnd().split("\n").length <= 12, "the first program is too long");
    mkdirSync(FOLDER, { recursive: true });
    writeFileSync(join(FOLDER, "program.ts"), program);
    writeFileSync(join(FOLDER, "redirect.mjs"), REDIRECT);
    writeFileSync(
      join(FOLDER, "tsconfig.json"),
      JSON.stringify({
        compilerOptions: { strict: true, target: "ES2022", module: "NodeNext", types: ["node"] },
        files: ["program.ts"],
      }),
    );
    execFileSync(join(PACKAGE, "node_modules/.bin/tsc"), ["-p", FOLDER], { stdio: ["ignore", "inherit", "inherit"] });
    const run = ["--import", join(FOLDER, "redirect.mjs"), join(FOLDER, "program.js")];
    assert.equal(execFileSync(process.execPath, run, { cwd: ROOT, encoding: "utf8" }), "Is the lamp lit?");
  });

  test(`${file}: the first program in TypeScript runs in Deno as it stands`, () => {
    // As the package is once it is installed.
    const installed = join(FOLDER, "node_modules/@troupe");
    rmSync(installed, { recursive: true, force: true });
    mkdirSync(installed, { recursive: true });
    symlinkSync(PACKAGE, join(installed, "client"));
    writeFileSync(join(FOLDER, "package.json"), JSON.stringify({ type: "module", dependencies: { "@troupe/client": "*" } }));
    const allowed = ["--allow-net", "--allow-read", "--allow-env"];
    const run = ["run", ...allowed, "--no-prompt", "--node-modules-dir=manual", "--preload", join(FOLDER, "redirect.mjs"), join(FOLDER, "program.ts")];
    const environment = { ...process.env, DENO_NO_UPDATE_CHECK: "1", NO_COLOR: "1" };
    assert.equal(execFileSync(join(PACKAGE, "node_modules/.bin/deno"), run, { cwd: ROOT, encoding: "utf8", env: environment }), "Is the lamp lit?");
  });
}
