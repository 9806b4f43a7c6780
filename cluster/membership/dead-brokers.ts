/**
 * Fast proof that a broker's process is gone: its heartbeat connection broke, and its listener refuses twice running, or its next
 * incarnation listens in its place.
 *
 * Safety rests on epochs, never on this: a wrong proof costs availability only, and none is wrong while the broker's listener
 * accepts. A peer that neither refuses nor accepts (a cut, a pause) proves nothing; its session has to run out.
 * Differs from Kafka: a broker whose connection breaks and whose listener refuses is fenced at once; Kafka waits for
 * broker.session.timeout.ms in every case.
 */
import { type Connection, type Network, NetworkError } from "../../broker/network/network.ts";
import { BrokerHeartbeat, BrokerRegistration } from "../../protocol/messages/broker-lifecycle.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { Controller } from "../controller/controller.ts";
import type { ControllerContext } from "../controller/handlers/controller-apis.ts";

type Registration = Decode<(typeof BrokerRegistration)["request"]>;

const DIAL_EVERY_MS = 20;
const DIAL_TIMEOUT_MS = 1000;
const REFUSALS_THAT_PROVE = 2;

export class DeadBrokers {
  private readonly controller: Controller;
  private readonly network: Network;
  private readonly clock: Clock;
  private readonly log: Logger;
  /** The connection that last carried a broker's heartbeat, and the epoch it was for. */
  private readonly carriers = new Map<number, { connectionId: number; brokerEpoch: number }>();
  private stopped = false;

  constructor(controller: Controller, network: Network, clock: Clock, log: Logger) {
    this.controller = controller;
    this.network = network;
    this.clock = clock;
    this.log = log;
  }

  /** Right after its start a controller has heard nobody: whoever died while there was none is found too. */
  start(): void {
    for (const { id, brokerEpoch, fenced } of this.controller.image.brokers.values()) {
      if (!fenced) void this.examine(id, brokerEpoch);
    }
  }

  /** Looks at a request before it is handled: a heartbeat makes its connection the broker's sign of life. */
  notice(context: ControllerContext, request: unknown): void {
    if (context.api.key === BrokerRegistration.key) {
      this.registers(request as Registration);
      return;
    }
    if (context.api.key !== BrokerHeartbeat.key) return;
    const { brokerId, brokerEpoch } = request as Decode<(typeof BrokerHeartbeat)["request"]>;
    const { connection } = context;
    const before = this.carriers.get(brokerId);
    if (before?.connectionId === connection.id && before.brokerEpoch === brokerEpoch) return;
    this.carriers.set(brokerId, { connectionId: connection.id, brokerEpoch });
    if (before?.connectionId === connection.id) return;
    connection.onClosed(() => this.connectionLost(brokerId, connection.id));
  }

  stop(): void {
    this.stopped = true;
  }

  /**
   * A new incarnation listens where the old one did, whose connection is gone: no two processes can, so the old one is dead. R45:
   * as long as the connection lives that carries its heartbeats, it is not.
   */
  private registers({ brokerId, incarnationId, listeners }: Registration): void {
    const previous = this.controller.image.brokers.get(brokerId);
    if (previous === undefined || previous.incarnationId === incarnationId || this.carriers.has(brokerId)) return;
    const isThere = previous.endpoints.some((old) =>
      listeners.some(({ host, port }) => host === old.host && port === old.port),
    );
    if (isThere) this.controller.brokerIsDead(brokerId, previous.brokerEpoch);
  }

  private connectionLost(brokerId: number, connectionId: number): void {
    const carrier = this.carriers.get(brokerId);
    // It beats on another connection by now.
    if (carrier?.connectionId !== connectionId || this.stopped) return;
    this.carriers.delete(brokerId);
    void this.examine(brokerId, carrier.brokerEpoch);
  }

  private async examine(brokerId: number, brokerEpoch: number): Promise<void> {
    for (let refusals = 0; refusals < REFUSALS_THAT_PROVE; ) {
      const broker = this.controller.image.brokers.get(brokerId);
      const endpoint = broker?.endpoints[0];
      const settled = broker === undefined || broker.brokerEpoch !== brokerEpoch || broker.fenced;
      // Another incarnation has registered, or this one beats again: nothing to prove.
      if (this.stopped || settled || endpoint === undefined || this.carriers.has(brokerId)) return;
      const outcome = await this.dial({ host: endpoint.host, port: endpoint.port });
      if (outcome === "accepted") return;
      if (outcome === "refused") refusals++;
      else refusals = 0;
      if (refusals < REFUSALS_THAT_PROVE) await this.pause();
    }
    if (this.stopped || this.carriers.has(brokerId)) return;
    this.log.warn({ brokerId, brokerEpoch }, "a broker is dead: its connection broke and its listener refuses");
    this.controller.brokerIsDead(brokerId, brokerEpoch);
  }

  private async dial(address: { host: string; port: number }): Promise<"accepted" | "refused" | "unknown"> {
    let connection: Connection;
    try {
      connection = await this.network.connect(address, { timeoutMs: DIAL_TIMEOUT_MS });
    } catch (error) {
      if (!(error instanceof NetworkError)) throw error;
      return error.kind === "refused" ? "refused" : "unknown";
    }
    connection.destroy();
    return "accepted";
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => this.clock.after(DIAL_EVERY_MS, resolve));
  }
}
