/**
 * The Network of the machine, over node:net.
 *
 * Owns: listening, connecting, and what the system's errors mean. Leaves to NodeConnection: bytes.
 */
import { connect as connectSocket, createServer, type Server } from "node:net";
import {
  type Address,
  type Connection,
  type Listener,
  type Network,
  NetworkError,
  type NetworkErrorKind,
} from "./network.ts";
import { NodeConnection } from "./node-connection.ts";

/** Connections the kernel holds until they are accepted: a whole cluster's clients may come back at once. */
const BACKLOG = 4096;
const SOCKET_OPTIONS = { noDelay: true, keepAlive: true, allowHalfOpen: true } as const;

export class NodeNetwork implements Network {
  async listen(
    address: Address,
    accept: (connection: Connection) => void,
    onTrouble?: (error: NetworkError) => void,
  ): Promise<Listener> {
    const server = createServer({ ...SOCKET_OPTIONS, pauseOnConnect: true }, (socket) => {
      accept(new NodeConnection(socket));
    });
    await new Promise<void>((resolve, reject) => {
      server.once("error", (error) => reject(networkError(error, address)));
      server.listen(
        { host: address.host, port: address.port, backlog: BACKLOG, ipv6Only: address.host.includes(":") },
        resolve,
      );
    });
    server.removeAllListeners("error");
    server.on("error", (error) => onTrouble?.(networkError(error, address)));
    return new NodeListener(server, address.host);
  }

  async connect(address: Address, options?: { readonly timeoutMs?: number }): Promise<Connection> {
    const socket = connectSocket({ ...SOCKET_OPTIONS, host: address.host, port: address.port });
    socket.pause();
    return new Promise((resolve, reject) => {
      const timeoutMs = options?.timeoutMs;
      const timer =
        timeoutMs === undefined ? undefined : setTimeout(() => fail(tooLate(address, timeoutMs)), timeoutMs);
      const fail = (error: NetworkError): void => {
        clearTimeout(timer);
        socket.removeAllListeners();
        socket.on("error", () => {}); // whatever else goes wrong with it no longer matters
        socket.destroy();
        reject(error);
      };
      socket.once("error", (error) => fail(networkError(error, address)));
      socket.once("connect", () => {
        clearTimeout(timer);
        socket.removeAllListeners();
        resolve(new NodeConnection(socket));
      });
    });
  }
}

class NodeListener implements Listener {
  readonly address: Address;
  private readonly server: Server;

  constructor(server: Server, host: string) {
    this.server = server;
    const bound = server.address();
    this.address = { host, port: typeof bound === "object" && bound !== null ? bound.port : 0 };
  }

  close(): Promise<void> {
    this.server.close();
    // The handle is closed by then. The server's own `close` event would wait for connections that are still open.
    return new Promise((resolve) => setImmediate(resolve));
  }
}

const KINDS = new Map<string, NetworkErrorKind>([
  ["EADDRINUSE", "in-use"],
  ["ECONNREFUSED", "refused"],
  ["EACCES", "denied"],
  ["EPERM", "denied"],
  ["ETIMEDOUT", "timeout"],
  ["ECONNRESET", "reset"],
  ["EPIPE", "reset"],
  ["EMFILE", "handles"],
  ["ENFILE", "handles"],
]);

function networkError(error: Error, address: Address): NetworkError {
  const { code } = error as NodeJS.ErrnoException;
  const kind = KINDS.get(code ?? "") ?? "unreachable";
  return new NetworkError(kind, `${address.host}:${address.port} (${code ?? error.message})`, { cause: error });
}

function tooLate(address: Address, timeoutMs: number): NetworkError {
  return new NetworkError("timeout", `${address.host}:${address.port} did not answer within ${timeoutMs} ms`);
}
