// Holds an OpenAPI document to the rules that Redocly and Spectral recommend. Each of their warnings is a failure.
// Argument: the document.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { createConfig, lint } from "@redocly/openapi-core";
import spectral from "@stoplight/spectral-core";
import parsers from "@stoplight/spectral-parsers";
import rulesets from "@stoplight/spectral-rulesets";

import { check, finish } from "./checks.mjs";

const [file] = process.argv.slice(2);

await check("Redocly has nothing to say", async () => {
  const config = await createConfig({ extends: ["recommended"] });
  const problems = await lint({ ref: file, config });
  const said = problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer})`);
  assert.deepEqual(said, []);
});

await check("Spectral has nothing to say", async () => {
  const linter = new spectral.Spectral();
  linter.setRuleset({ extends: [rulesets.oas] });
  const document = new spectral.Document(readFileSync(file, "utf8"), parsers.Json, file);
  const problems = await linter.run(document);
  assert.deepEqual(problems.map(({ code, message, path }) => `${code}: ${message} (${path.join("/")})`), []);
});

finish();
