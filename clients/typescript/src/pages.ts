// Lists page by page, as one.

import type { CallOptions } from "@connectrpc/connect";

/** A method that lists a page. */
type List<Q, P> = (request: Q, options?: CallOptions) => Promise<P>;

/** What a page has of its list. */
interface Page {
  nextPageToken: string;
}

/** The type of the items of a page: that of its one repeated field. */
type ItemOf<P> = {
  [K in Exclude<keyof P, `$${string}`>]: P[K] extends readonly (infer T)[] ? T : never;
}[Exclude<keyof P, `$${string}`>];

/**
 * The items of a list, over all of its pages. A page is asked for when its first item is, with the options.
 *
 * ```ts
 * for await (const session of all(troupe.sessions.listSessions, { characterId })) console.log(session.title);
 * ```
 */
export async function* all<Q extends { pageToken?: string }, P extends Page>(
  list: List<Q, P>,
  request: Q,
  options?: CallOptions,
): AsyncGenerator<ItemOf<P>> {
  let pageToken = request.pageToken ?? "";
  do {
    const page = await list({ ...request, pageToken }, options);
    yield* itemsOf(page);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
}

function itemsOf<P extends Page>(page: P): ItemOf<P>[] {
  const fields = Object.entries(page).filter(([name, value]) => !name.startsWith("$") && Array.isArray(value));
  return fields.flatMap(([, items]) => items as ItemOf<P>[]);
}
