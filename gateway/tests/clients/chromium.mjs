// Chromium without a window, driven over its DevTools protocol through a pipe, so that no package is needed. It reaches
// this machine alone: the names that the caller maps, and 127.0.0.1.

import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const PATIENCE_MS = 60_000;

/** Rejects where `promise` takes longer than a minute. */
function soon(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: no answer within a minute`)), PATIENCE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export class Chromium {
  #process;
  #profile;
  #ended = false;
  #calls = new Map();
  #pages = new Map();
  #last = 0;
  #rest = Buffer.alloc(0);

  /** Starts a browser for which each host name of `hosts` stands for an address on this machine. */
  constructor(hosts) {
    const mapped = Object.entries(hosts).map(([name, address]) => `MAP ${name} ${address}`);
    const rules = [...mapped, "MAP * ~NOTFOUND", "EXCLUDE 127.0.0.1"].join(", ");
    this.#profile = mkdtempSync(join(tmpdir(), "troupe-chromium-"));
    const flags = [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-dev-shm-usage",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--remote-debugging-pipe",
      `--host-resolver-rules=${rules}`,
      `--user-data-dir=${this.#profile}`,
    ];
    const stdio = ["ignore", "ignore", "ignore", "pipe", "pipe"];
    this.#process = spawn(process.env.CHROMIUM ?? "chromium", flags, { stdio });
    this.#process.on("error", (error) => this.#end(error));
    this.#process.on("exit", () => this.#end(new Error("Chromium ended")));
    this.#process.stdio[3].on("error", (error) => this.#end(error));
    this.#process.stdio[4].on("data", (chunk) => this.#read(chunk));
  }

  /** Opens an address in a new tab, and waits until it has loaded. */
  async open(url) {
    const { targetId } = await this.call("Target.createTarget", { url: "about:blank" });
    const { sessionId } = await this.call("Target.attachToTarget", { targetId, flatten: true });
    const page = new Page(this, sessionId);
    this.#pages.set(sessionId, page);
    for (const domain of ["Page", "Network", "Runtime", "Log"]) await page.call(`${domain}.enable`);
    await page.call("Emulation.setDeviceMetricsOverride", { width: 1280, height: 1000, deviceScaleFactor: 1, mobile: false });
    const { errorText } = await page.call("Page.navigate", { url });
    if (errorText) throw new Error(`${url}: ${errorText}`);
    await soon(page.loaded, url);
    return page;
  }

  /** Calls a method of the protocol. */
  call(method, params = {}, sessionId = undefined) {
    this.#last += 1;
    const id = this.#last;
    const answer = new Promise((resolve, reject) => this.#calls.set(id, { resolve, reject, method }));
    if (this.#ended) this.#end(new Error("Chromium ended"));
    else this.#process.stdio[3].write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    return soon(answer, method);
  }

  /** Ends the browser and removes its profile. */
  async close() {
    const gone = new Promise((resolve) => this.#process.once("exit", resolve));
    if (!this.#ended) {
      this.call("Browser.close").catch(() => {});
      await soon(gone, "closing Chromium").catch(() => this.#process.kill("SIGKILL"));
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 10 });
  }

  #read(chunk) {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (let end = this.#rest.indexOf(0); end >= 0; end = this.#rest.indexOf(0)) {
      const message = JSON.parse(this.#rest.subarray(0, end).toString());
      this.#rest = this.#rest.subarray(end + 1);
      if (message.id) this.#settle(message);
      else this.#pages.get(message.sessionId)?.notice(message.method, message.params);
    }
  }

  #settle({ id, error, result }) {
    const { resolve, reject, method } = this.#calls.get(id);
    this.#calls.delete(id);
    if (error) reject(new Error(`${method}: ${error.message}`));
    else resolve(result);
  }

  #end(error) {
    this.#ended = true;
    for (const { reject } of this.#calls.values()) reject(error);
    this.#calls.clear();
  }
}

/** A tab. It notes what the page asked the network for, and what it complained of. */
class Page {
  #browser;
  #session;
  #isLoaded;
  /** Settles once the page has loaded. */
  loaded = new Promise((resolve) => {
    this.#isLoaded = resolve;
  });
  /** The addresses of all requests. */
  requests = [];
  /** Errors that the page's scripts threw and that the browser's console shows. */
  errors = [];

  constructor(browser, session) {
    this.#browser = browser;
    this.#session = session;
  }

  /** Calls a method of the protocol for this tab. */
  call(method, params = {}) {
    return this.#browser.call(method, params, this.#session);
  }

  /** Runs a function in the page with arguments that JSON can hold, and gives what it returns. */
  async run(work, ...args) {
    const expression = `(${work})(...${JSON.stringify(args)})`;
    const options = { expression, awaitPromise: true, returnByValue: true };
    const { result, exceptionDetails: thrown } = await this.call("Runtime.evaluate", options);
    if (thrown) throw new Error(thrown.exception?.description ?? thrown.text);
    return result.value;
  }

  /** What the window shows, as a PNG. */
  async screenshot() {
    const { data } = await this.call("Page.captureScreenshot", { format: "png" });
    return Buffer.from(data, "base64");
  }

  /** An event of the protocol. */
  notice(method, params) {
    if (method === "Page.loadEventFired") this.#isLoaded();
    if (method === "Network.requestWillBeSent") this.requests.push(params.request.url);
    if (method === "Runtime.exceptionThrown") this.errors.push(params.exceptionDetails.exception?.description);
    if (method === "Log.entryAdded" && params.entry.level === "error") {
      this.errors.push(`${params.entry.text} (${params.entry.url ?? "nowhere"})`);
    }
  }
}
