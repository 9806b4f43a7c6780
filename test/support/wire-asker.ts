/**
 * Asks a broker one thing after another on one connection, and sees what a client sees: the answer, the end of the connection, or
 * nothing at all.
 */

import type { Address } from "../../broker/network/network.ts";
import { Reader } from "../../protocol/bytes/reader.ts";
import { ResponseHeader } from "../../protocol/messages/headers.ts";
import { type Api, requestHeaderVersion, responseHeaderVersion } from "../../protocol/schema/api.ts";
import { decode, encodeToBuffer } from "../../protocol/schema/codec.ts";
import type { Decode, Encode, Message } from "../../protocol/schema/message.ts";
import { framed, header, WireClient } from "../broker/network/wire-client.ts";

export interface AskOptions {
  readonly clientId?: string;
  readonly patienceMs?: number;
}

export class WireAsker implements Disposable {
  private readonly client: WireClient;
  private correlationId = 0;

  private constructor(client: WireClient) {
    this.client = client;
  }

  static async open(address: Address): Promise<WireAsker> {
    return new WireAsker(await WireClient.open(address));
  }

  /** Sends a request and gives its answer. @throws Error when the connection ends instead. */
  async ask<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    body: Encode<Req>,
    options: AskOptions = {},
  ): Promise<Decode<Res>> {
    this.send(api, version, body, options);
    return this.answer(api, version, options.patienceMs);
  }

  /** Sends a request; its answer is taken by answer(), in the order of the requests. */
  send<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    body: Encode<Req>,
    { clientId = "test" }: AskOptions = {},
  ): void {
    const head = header(api.key, version, requestHeaderVersion(api, version), ++this.correlationId, clientId);
    this.client.send(framed(head, encodeToBuffer(api.request, version, body)));
  }

  async answer<Req extends Message, Res extends Message>(
    api: Api<Req, Res>,
    version: number,
    patienceMs?: number,
  ): Promise<Decode<Res>> {
    const frame = await this.client.frame(patienceMs);
    if (frame === undefined) throw new Error(`the connection ended instead of an answer to ${api.name}`);
    const reader = new Reader(frame);
    decode(ResponseHeader, responseHeaderVersion(api, version), reader);
    return decode(api.response, version, reader);
  }

  /** Resolves when the connection has ended, with how many bytes had come that nobody took. */
  closed(): Promise<{ readonly unreadBytes: number }> {
    return this.client.closed();
  }

  /** Ends the connection without goodbye. */
  reset(): void {
    this.client.reset();
  }

  [Symbol.dispose](): void {
    this.client[Symbol.dispose]();
  }
}
