/**
 * Carries out transfer orders exactly once: the debit, the credit and the place in the orders are one transaction each.
 *
 * Whoever comes after a banker that died takes over its transactional id, and with it fences what the dead one left behind.
 */
import type { Consumer, Kafka, Producer } from "kafkajs";
import { memberOf } from "../story.ts";

export interface Order {
  readonly id: number;
  readonly from: number;
  readonly to: number;
  readonly amount: number;
}

export class Banker {
  done = 0;
  private readonly producer: Producer;
  private readonly consumer: Consumer;
  /** After so many orders it dies in the middle of the next. */
  private readonly diesAfter: number;
  private dead = false;

  private constructor(producer: Producer, consumer: Consumer, diesAfter: number) {
    this.producer = producer;
    this.consumer = consumer;
    this.diesAfter = diesAfter;
  }

  static async start(kafka: Kafka, diesAfter = Number.POSITIVE_INFINITY): Promise<Banker> {
    const producer = kafka.producer({ transactionalId: "banker", idempotent: true, maxInFlightRequests: 1 });
    await producer.connect();
    const banker = new Banker(producer, await memberOf(kafka, "bankers", ["orders"]), diesAfter);
    await banker.work();
    return banker;
  }

  get isDead(): boolean {
    return this.dead;
  }

  private async work(): Promise<void> {
    await this.consumer.run({
      autoCommit: false,
      eachMessage: async ({ partition, message }) => {
        if (this.dead) throw new Error("the dead do not work");
        await this.transfer(JSON.parse(String(message.value)) as Order, partition, Number(message.offset) + 1);
      },
    });
  }

  private async transfer({ id, from, to, amount }: Order, partition: number, nextOffset: number): Promise<void> {
    const transaction = await this.producer.transaction();
    try {
      const entry = (account: number, change: number) => {
        return { partition: account, key: String(account), value: JSON.stringify({ order: id, change }) };
      };
      await transaction.send({ topic: "ledger", messages: [entry(from, -amount)] });
      if (this.done >= this.diesAfter) {
        this.dead = true;
        throw new Error("dies with the money taken and not given");
      }
      await transaction.send({ topic: "ledger", messages: [entry(to, amount)] });
      const partitions = [{ partition, offset: String(nextOffset) }];
      await transaction.sendOffsets({ consumerGroupId: "bankers", topics: [{ topic: "orders", partitions }] });
      await transaction.commit();
      this.done++;
    } catch (error) {
      if (!this.dead) await transaction.abort().catch(() => {});
      throw error;
    }
  }

  async leave(): Promise<void> {
    await this.consumer.disconnect();
    await this.producer.disconnect();
  }
}
