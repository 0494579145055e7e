// What the scripts share that call by descriptors.

import { readFileSync } from "node:fs";
import assert from "node:assert/strict";

import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";

/** Finds services and messages in a file of descriptors, which `change` may change first. */
export function contracts(file, change = () => {}) {
  const set = fromBinary(FileDescriptorSetSchema, readFileSync(file));
  change(set);
  const registry = createFileRegistry(set);
  return {
    service: (name) => registry.getService(name) ?? assert.fail(`no service ${name}`),
    message: (name) => registry.getMessage(name) ?? assert.fail(`no message ${name}`),
  };
}

/** The error of a call, which must fail with a code. */
export async function refused(call, code) {
  try {
    await call();
  } catch (error) {
    const found = ConnectError.from(error);
    assert.equal(Code[found.code], Code[code], found.message);
    return found;
  }
  return assert.fail(`the call succeeded instead of failing with ${Code[code]}`);
}

/** The image to import: an example unless a file is named. */
export function readCard(file) {
  return readFileSync(file ?? new URL("../../../examples/cards/maren.png", import.meta.url));
}
