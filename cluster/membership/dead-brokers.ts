/**
 * Fast proof that a broker's process is gone: its heartbeat connection broke, and its listener refuses twice running, or another
 * incarnation holds the address it listened on.
 *
 * Safety rests on epochs, never on this: a wrong proof costs availability only, and none is wrong while the broker's listener
 * accepts. A peer that neither refuses nor accepts (a cut, a pause) proves nothing; its session has to run out.
 * Differs from Kafka: it waits for broker.session.timeout.ms in every case.
 */
import { type Connection, type Network, NetworkError } from "../../broker/network/network.ts";
import { BrokerHeartbeat, BrokerRegistration } from "../../protocol/messages/broker-lifecycle.ts";
import type { Decode } from "../../protocol/schema/message.ts";
import type { Clock } from "../../storage/clock.ts";
import type { Logger } from "../../storage/logger.ts";
import type { Controller } from "../controller/controller.ts";
import type { ControllerContext } from "../controller/handlers/controller-apis.ts";

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
  /** Epochs of brokers whose connection broke and that have not beaten since. */
  private readonly lost = new Map<number, number>();
  private stopped = false;

  constructor(controller: Controller, network: Network, clock: Clock, log: Logger) {
    this.controller = controller;
    this.network = network;
    this.clock = clock;
    this.log = log;
  }

  /** Looks at a request before it is handled: a heartbeat makes its connection the broker's sign of life. */
  notice(context: ControllerContext, request: unknown): void {
    if (context.api.key === BrokerRegistration.key) {
      this.registers(request as Decode<(typeof BrokerRegistration)["request"]>);
      return;
    }
    if (context.api.key !== BrokerHeartbeat.key) return;
    const { brokerId, brokerEpoch } = request as Decode<(typeof BrokerHeartbeat)["request"]>;
    const { connection } = context;
    const before = this.carriers.get(brokerId);
    this.lost.delete(brokerId);
    if (before?.connectionId === connection.id && before.brokerEpoch === brokerEpoch) return;
    this.carriers.set(brokerId, { connectionId: connection.id, brokerEpoch });
    if (before?.connectionId === connection.id) return;
    connection.onClosed(() => this.connectionLost(brokerId, connection.id));
  }

  /** A restarted broker need not wait for the session of the one it replaces, whose address it could not hold otherwise. */
  private registers({ brokerId, incarnationId, listeners }: Decode<(typeof BrokerRegistration)["request"]>): void {
    const before = this.controller.image.brokers.get(brokerId);
    const lostEpoch = this.lost.get(brokerId);
    this.carriers.delete(brokerId);
    this.lost.delete(brokerId);
    if (before === undefined || before.incarnationId === incarnationId || before.fenced) return;
    const [old] = before.endpoints;
    const [now] = listeners;
    const isSamePlace = old !== undefined && old.host === now?.host && old.port === now.port;
    if (isSamePlace && lostEpoch === before.brokerEpoch) this.controller.brokerIsDead(brokerId, before.brokerEpoch);
  }

  stop(): void {
    this.stopped = true;
  }

  private connectionLost(brokerId: number, connectionId: number): void {
    const carrier = this.carriers.get(brokerId);
    // It beats on another connection by now.
    if (carrier?.connectionId !== connectionId || this.stopped) return;
    this.carriers.delete(brokerId);
    this.lost.set(brokerId, carrier.brokerEpoch);
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
