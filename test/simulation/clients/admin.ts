/** An administrator's client: asks one broker after the other until one answers. */
import { RequestMemory } from "../../../broker/network/request-memory.ts";
import { RpcClient } from "../../../broker/network/rpc-client.ts";
import { RpcError } from "../../../broker/network/rpc-error.ts";
import type { Api } from "../../../protocol/schema/api.ts";
import type { Decode, Encode, Message } from "../../../protocol/schema/message.ts";
import { CLIENT_SETTINGS, type ClientEnvironment } from "./cluster-client.ts";

const MEMORY_BYTES = 16 * 1024 * 1024;

export class Admin {
  private readonly environment: ClientEnvironment;
  private readonly clients: RpcClient[];
  private turn = 0;
  private closed = false;
  /** What was asked last, and what came of it. */
  private last: { readonly api: string; readonly request: object; readonly answer: object | undefined } | undefined;

  constructor(environment: ClientEnvironment) {
    const { network, clock, pool, name, bootstrap } = environment;
    this.environment = environment;
    const memory = new RequestMemory(MEMORY_BYTES);
    this.clients = bootstrap.map(
      (address) => new RpcClient({ network, clock, pool, memory }, address, { clientId: name, connectTimeoutMs: 500 }),
    );
  }

  /** Asks until some broker gives an answer that `accepts` takes; a request may so be carried out twice. @throws Error once it is closed. */
  async ask<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
    accepts: (response: Decode<Res>) => boolean,
  ): Promise<Decode<Res>> {
    const { clock } = this.environment;
    for (;;) {
      const response = await this.askOnce(api, version, request);
      if (response !== undefined && accepts(response)) return response;
      if (this.closed) throw new Error("the administrator is gone");
      await new Promise<void>((resolve) => clock.after(CLIENT_SETTINGS.retryBackoffMs, resolve));
    }
  }

  /** Asks one broker; undefined when it does not answer. */
  async askOnce<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    request: Encode<Req>,
  ): Promise<Decode<Res> | undefined> {
    const client = this.clients[this.turn++ % this.clients.length] as RpcClient;
    this.last = { api: api.name, request, answer: undefined };
    try {
      const { body } = await client.call(api, request, { version, timeoutMs: CLIENT_SETTINGS.requestTimeoutMs });
      this.last = { api: api.name, request, answer: body };
      return body;
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
      return undefined;
    }
  }

  /** For whoever wonders what it waits for. */
  describe(): string {
    if (this.last === undefined) return "nothing was asked";
    const { api, request, answer } = this.last;
    return `${api} ${JSON.stringify(request)}, answered ${JSON.stringify(answer) ?? "not yet"}`;
  }

  close(): void {
    this.closed = true;
    for (const client of this.clients) client.close();
  }
}
