import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import type { Address, Connection, Network } from "../../../broker/network/network.ts";
import { NodeConnection } from "../../../broker/network/node-connection.ts";
import { NodeNearNetwork } from "../../../broker/network/node-near-network.ts";
import { NodeNetwork } from "../../../broker/network/node-network.ts";
import { networkContract } from "./network-contract.ts";

describe("the machine's network", () => {
  networkContract(() => new NodeNetwork(), "127.0.0.1");
});

describe("between nodes of one process", () => {
  networkContract(() => new NodeNearNetwork(new NodeNetwork()), "127.0.0.1");
});

describe("without handles to wrap anew, as on Bun", () => {
  networkContract(() => new ChunkNetwork(), "127.0.0.1");
});

describe("over IPv6", () => {
  networkContract(() => new NodeNetwork(), "::1");
});

describe("addresses", () => {
  test("one that this machine does not have cannot be listened on", async () => {
    const elsewhere = new NodeNetwork().listen({ host: "192.0.2.1", port: 0 }, () => {});
    await expect(elsewhere).rejects.toMatchObject({ kind: "unreachable" });
  });
});

/** The same network over sockets that hide their handle. */
class ChunkNetwork implements Network {
  private readonly inner = new NodeNetwork();

  listen(address: Address, accept: (connection: Connection) => void): ReturnType<Network["listen"]> {
    return this.inner.listen(address, (connection) => accept(withoutHandle(connection)));
  }

  async connect(address: Address): Promise<Connection> {
    return withoutHandle(await this.inner.connect(address));
  }
}

function withoutHandle(connection: Connection): Connection {
  const { socket } = connection as unknown as { socket: Socket };
  const hidden = (socket as unknown as { _handle: object })._handle;
  Object.defineProperty(hidden, "useUserBuffer", { value: undefined });
  expect(connection).toBeInstanceOf(NodeConnection);
  return connection;
}
