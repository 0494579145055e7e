// A proxy between a client and the platform that breaks connections when it is told to.

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

export class Proxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #connections = 0;
  #lostAnswers = 0;
  #cutsNextAnswer = false;

  private constructor(target: URL) {
    this.#server = createServer((client) => {
      this.#connections += 1;
      const upstream = connect(Number(target.port), target.hostname);
      for (const socket of [client, upstream]) {
        this.#sockets.add(socket);
        socket.on("error", () => undefined);
        socket.on("close", () => {
          this.#sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
      }
      client.pipe(upstream);
      upstream.on("data", (data) => {
        if (this.#cutsNextAnswer) {
          this.#cutsNextAnswer = false;
          this.#lostAnswers += 1;
          client.destroy();
        } else client.write(data);
      });
    });
  }

  /** Starts one in front of a platform. */
  static async before(url: string): Promise<Proxy> {
    const proxy = new Proxy(new URL(url));
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  /** Where it listens. */
  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** How many connections clients have made. */
  get connections(): number {
    return this.#connections;
  }

  /** How many answers were kept. */
  get lostAnswers(): number {
    return this.#lostAnswers;
  }

  /** Breaks all connections. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Breaks the connection on which the next answer comes, and keeps the answer. */
  cutNextAnswer(): void {
    this.#cutsNextAnswer = true;
  }

  close(): void {
    this.cut();
    this.#server.close();
  }
}
