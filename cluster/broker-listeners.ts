/**
 * The listeners of one broker: opened early, so that their ports are known, and served from when the broker runs.
 */
import type { BrokerNode } from "../broker/broker-node.ts";
import { SECURITY_PROTOCOLS, type SecurityProtocol } from "../broker/config/listeners.ts";
import { Dispatcher, type RequestInterceptor } from "../broker/dispatch/dispatcher.ts";
import type { RequestContext } from "../broker/dispatch/handler.ts";
import type { HandlerTable } from "../broker/dispatch/handler-table.ts";
import type { EndpointImage } from "../broker/metadata/metadata-image.ts";
import { ConnectionQuota } from "../broker/network/connection-quota.ts";
import { LimitedLog } from "../broker/network/limited-log.ts";
import type { Address } from "../broker/network/network.ts";
import { RequestListener } from "../broker/network/request-listener.ts";
import { RequestMemory } from "../broker/network/request-memory.ts";
import type { Api } from "../protocol/schema/api.ts";
import type { Environment } from "./environment.ts";
import { requestLimits } from "./node-memory.ts";

/** One listener of a node, as it is to be opened. */
export interface NodeListener {
  readonly name: string;
  readonly securityProtocol: SecurityProtocol;
  /** Addresses to listen on, all at one port. The first must be had; others only where the machine has them. */
  readonly hosts: readonly string[];
  /** 0: any that is free. */
  readonly port: number;
  /** What clients are told, with the port that was opened where it is left out; undefined: nobody is told. */
  readonly advertised: { readonly host: string; readonly port: number | undefined } | undefined;
}

export interface BrokerListenersOptions {
  readonly environment: Environment;
  readonly broker: BrokerNode;
  readonly table: HandlerTable<RequestContext>;
  readonly faults?: RequestInterceptor | undefined;
  readonly onUnexpectedError?: (error: unknown, api: Api) => void;
}

export class BrokerListeners {
  /** What the broker registers with: the advertised address of each listener. */
  readonly endpoints: EndpointImage[] = [];
  /** Where clients of the first advertised listener connect. */
  readonly addresses: Address[] = [];
  private readonly listeners: RequestListener[] = [];
  private readonly ports = new Map<string, number>();

  /** Opens every listener; connections wait until serve(). @throws NetworkError */
  async open(options: BrokerListenersOptions, specs: readonly NodeListener[]): Promise<void> {
    const { environment, broker, table, faults, onUnexpectedError } = options;
    const { clock, pool, network } = environment;
    const limits = requestLimits(broker.settings);
    const log = new LimitedLog(environment.logger, clock);
    const memory = new RequestMemory(limits.maxRequestBytesOfNode);
    const quota = new ConnectionQuota(limits);
    const handler = new Dispatcher<RequestContext>({
      ...{ table, faults },
      context: (info) => Object.assign(info, { broker }),
      log,
      ...(onUnexpectedError === undefined ? {} : { onUnexpectedError }),
    });
    for (const spec of specs) {
      const listener = new RequestListener({
        ...{ name: spec.name, network, quota, handler, waitsForServe: true },
        environment: { clock, log, pool, memory, limits },
      });
      this.listeners.push(listener);
      const [opened] = await listener.listen(spec.hosts, spec.port);
      if (opened === undefined) continue;
      this.ports.set(spec.name, opened.port);
      if (spec.advertised === undefined) continue;
      const { host, port = opened.port } = spec.advertised;
      const securityProtocol = SECURITY_PROTOCOLS.indexOf(spec.securityProtocol);
      this.endpoints.push({ name: spec.name, host, port, securityProtocol });
      this.addresses.push({ host, port });
    }
  }

  /** The port a listener was opened at. */
  portOf(name: string): number | undefined {
    return this.ports.get(name);
  }

  serve(): void {
    for (const listener of this.listeners) listener.serve();
  }

  get connectionCount(): number {
    return this.listeners.reduce((sum, listener) => sum + listener.connectionCount, 0);
  }

  async close(drainMs: number): Promise<void> {
    await Promise.all(this.listeners.map((listener) => listener.close(drainMs)));
  }
}
