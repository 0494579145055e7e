// Client for Troupe. README.md has a first program. Messages and enums of the contracts are in `@troupe/client/contracts/…`.

export { toJson } from "@bufbuild/protobuf";
export { Troupe, type TroupeOptions } from "./client.js";
export { reasonOf, refusalOf, ReplyFailed, type Refusal } from "./errors.js";
export { Reason } from "./gen/troupe/errors/v1/reason_pb.js";
export { all } from "./pages.js";
export { textOf } from "./text.js";
export { LocalStorageTokens, MemoryTokens, type Tokens, type TokenStore } from "./tokens.js";
