/**
 * The network of several nodes of one process: among themselves they are joined in memory, everybody else comes over the machine's.
 *
 * Owns: which address is listened on here. Replication between nodes of one process would else pay the kernel to copy each byte out
 * of the process and back.
 */
import { NearConnection } from "./near-connection.ts";
import { type Address, type Connection, type Listener, type Network, NetworkError } from "./network.ts";

/** Above all ports there are: a connection's ends are told apart by their addresses, from those of sockets too. */
const FIRST_PORT = 0x1_0000;

const later = (run: () => void): void => void setImmediate(run);

export class NodeNearNetwork implements Network {
  private readonly network: Network;
  private readonly accepting = new Map<string, (connection: Connection) => void>();
  private nextPort = FIRST_PORT;

  /** @param network for everybody else */
  constructor(network: Network) {
    this.network = network;
  }

  async listen(
    address: Address,
    accept: (connection: Connection) => void,
    onTrouble?: (error: NetworkError) => void,
  ): Promise<Listener> {
    const listener = await this.network.listen(address, accept, onTrouble);
    const key = keyOf(listener.address);
    this.accepting.set(key, accept);
    return {
      address: listener.address,
      close: () => {
        if (this.accepting.get(key) === accept) this.accepting.delete(key);
        return listener.close();
      },
    };
  }

  connect(address: Address, options?: { readonly timeoutMs?: number }): Promise<Connection> {
    const accept = this.accepting.get(keyOf(address));
    if (accept === undefined) return this.network.connect(address, options);
    const local = { host: address.host, port: this.nextPort++ };
    const dialling = new NearConnection(local, address, later);
    const accepted = new NearConnection(address, local, later);
    NearConnection.join(dialling, accepted);
    return new Promise((resolve, reject) => {
      later(() => {
        if (this.accepting.get(keyOf(address)) !== accept) {
          reject(new NetworkError("refused", keyOf(address)));
          return;
        }
        accept(accepted);
        resolve(dialling);
      });
    });
  }
}

function keyOf({ host, port }: Address): string {
  return `${host}:${port}`;
}
