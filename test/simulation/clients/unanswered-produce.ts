/** Produce with acks=0: sent, and never answered. A connection that closes is all a client learns of an error. */
import type { Address, Connection, Network } from "../../../broker/network/network.ts";
import { Writer } from "../../../protocol/bytes/writer.ts";
import { RequestHeader } from "../../../protocol/messages/headers.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { requestHeaderVersion } from "../../../protocol/schema/api.ts";
import { encode } from "../../../protocol/schema/codec.ts";
import type { Encode } from "../../../protocol/schema/message.ts";

const SCRATCH = Buffer.alloc(1024);

export class UnansweredProduce {
  private readonly network: Network;
  private readonly clientId: string;
  private readonly connections = new Map<number, { readonly address: Address; readonly connection: Connection }>();
  private readonly dialling = new Set<number>();
  private correlationId = 0;
  private closed = false;

  constructor(network: Network, clientId: string) {
    this.network = network;
    this.clientId = clientId;
  }

  /** Sends when there is a connection, else begins to make one; false: not sent. */
  send(broker: number, address: Address, version: number, request: Encode<(typeof Produce)["request"]>): boolean {
    const open = this.connections.get(broker);
    if (open === undefined || open.address.port !== address.port) {
      this.dial(broker, address);
      return false;
    }
    const writer = new Writer();
    writer.int32(0);
    const header = {
      requestApiKey: Produce.key,
      requestApiVersion: version,
      correlationId: this.correlationId++,
      clientId: this.clientId,
    };
    encode(RequestHeader, requestHeaderVersion(Produce, version), header, writer);
    encode(Produce.request, version, request, writer);
    writer.patchInt32(0, writer.sizeBytes - 4);
    open.connection.write(writer.finish());
    return true;
  }

  close(): void {
    this.closed = true;
    for (const { connection } of this.connections.values()) connection.destroy();
    this.connections.clear();
  }

  private dial(broker: number, address: Address): void {
    if (this.dialling.has(broker) || this.closed) return;
    this.dialling.add(broker);
    this.network.connect(address, { timeoutMs: 1000 }).then(
      (connection) => {
        this.dialling.delete(broker);
        if (this.closed) connection.destroy();
        else this.take(broker, address, connection);
      },
      () => this.dialling.delete(broker),
    );
  }

  private take(broker: number, address: Address, connection: Connection): void {
    this.connections.set(broker, { address, connection });
    const gone = (): void => {
      if (this.connections.get(broker)?.connection === connection) this.connections.delete(broker);
      connection.destroy();
    };
    connection.receive({ target: () => SCRATCH, received: () => true, ended: gone, closed: gone });
  }
}
