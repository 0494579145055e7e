// The refresh token in a cookie of the page, which no script can read: the browser keeps it and sends it.

import { hasCookie } from "./contract.js";
import { AuthService } from "./gen/troupe/users/v1/auth_service_pb.js";
import { MemoryTokens } from "./tokens.js";

/** What tabs take turns by. */
const LOCK = "troupe.cookie";
/** Where the methods are that read or set the cookie. */
const PATHS = AuthService.methods.filter(hasCookie).map((method) => `/${AuthService.typeName}/${method.name}`);

/** Fetches as the browser does. For methods that have a cookie, it may keep and send that also where Troupe has another port. */
export function fetchWithCookie(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  const url = input instanceof Request ? input.url : input.toString();
  return fetch(input, PATHS.some((path) => url.endsWith(path)) ? { ...init, credentials: "include" } : init);
}

/** Keeps the access token of a tab in memory. Tabs take turns to renew theirs by `navigator.locks`, where the page has them. */
export class CookieTokens extends MemoryTokens {
  override exclusively<T>(work: () => Promise<T>): Promise<T> {
    const locks: LockManager | undefined = globalThis.navigator?.locks;
    if (locks === undefined) return super.exclusively(work);
    return new Promise<T>((resolve, reject) => {
      locks.request(LOCK, () => work().then(resolve, reject)).catch(reject);
    });
  }
}
