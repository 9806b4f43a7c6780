/** A client on the simulated network as the workload of test/history drives it: a transactional producer, and reads of what is committed. */
import { HISTORY_TOPIC, type HistoryClient, type Polled } from "../../history/history-client.ts";
import type { PatientClient } from "./patient-client.ts";
import { type ProducerSettings, TransactionalProducer } from "./transactional-producer.ts";

export interface HistoryClientSettings extends ProducerSettings {
  /** What an application does between its transactions leaves time for the faults. */
  readonly pauseMs: readonly [number, number];
  /** Of a hundred transactions so many take longer than they may. */
  readonly dawdles: number;
}

export class SimulatedHistoryClient implements HistoryClient {
  readonly subscribes = false;
  private readonly client: PatientClient;
  private readonly settings: HistoryClientSettings;
  private readonly producer: TransactionalProducer;
  private positions = new Map<number, number>();
  private turn = 0;

  constructor(client: PatientClient, settings: HistoryClientSettings) {
    this.client = client;
    this.settings = settings;
    this.producer = new TransactionalProducer(client, settings);
  }

  init(): Promise<void> {
    return this.producer.init();
  }

  async begin(): Promise<void> {
    await this.client.pause(this.client.environment.random.between(...this.settings.pauseMs));
    await this.producer.begin();
  }

  async send(key: number, value: number): Promise<number> {
    const offset = await this.producer.send(HISTORY_TOPIC, key, [String(value)]);
    const { dawdles, timeoutMs } = this.settings;
    if (this.client.environment.random.below(100) < dawdles) await this.client.pause(2 * timeoutMs);
    return offset;
  }

  commit(): Promise<void> {
    return this.producer.end(true);
  }

  abort(): Promise<void> {
    return this.producer.end(false);
  }

  assign(keys: readonly number[]): Promise<void> {
    this.positions = new Map(keys.map((key) => [key, 0]));
    return Promise.resolve();
  }

  /** One partition after the other, a fetch each. */
  async poll(timeoutMs: number): Promise<Polled> {
    const keys = [...this.positions.keys()];
    const key = keys[this.turn++ % keys.length];
    const position = key === undefined ? undefined : this.positions.get(key);
    if (key === undefined || position === undefined) return { values: [], repositioned: false };
    const [records, nextOffset] = await this.client.read(HISTORY_TOPIC, key, position, timeoutMs);
    this.positions.set(key, nextOffset);
    return { values: records.map(({ offset, value }) => ({ key, offset, value: Number(value) })), repositioned: false };
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    return Promise.resolve();
  }
}
