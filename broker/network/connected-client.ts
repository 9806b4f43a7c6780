/**
 * A connection as handlers see it: who is on the other side, and what is to be freed when it goes.
 */
import type { ClientConnection, Principal } from "../dispatch/handler.ts";
import type { Address } from "./network.ts";

let lastId = 0;

export class ConnectedClient implements ClientConnection {
  readonly id = ++lastId;
  readonly listenerName: string;
  readonly remoteHost: string;
  readonly remotePort: number;
  principal: Principal = { type: "User", name: "ANONYMOUS" };
  authenticated: boolean;
  clientSoftwareName = "";
  clientSoftwareVersion = "";
  private gone = false;
  private hooks: (() => void)[] = [];

  constructor(listenerName: string, { host, port }: Address, authenticated: boolean) {
    this.listenerName = listenerName;
    this.remoteHost = host;
    this.remotePort = port;
    this.authenticated = authenticated;
  }

  get closed(): boolean {
    return this.gone;
  }

  onClosed(run: () => void): void {
    if (this.gone) run();
    else this.hooks.push(run);
  }

  /** Only for the connection itself. */
  close(): void {
    this.gone = true;
    const { hooks } = this;
    this.hooks = [];
    for (const run of hooks) run();
  }
}
