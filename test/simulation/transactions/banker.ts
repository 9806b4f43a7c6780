/**
 * Transfers between accounts, a partition for each: the debit and the credit are one transaction (V13).
 *
 * Owns: what is known of each transfer's outcome. Leaves to bank-check.ts: whether the sums are right.
 */
import type { SeededRandom } from "../seeded-random.ts";
import { type PatientClient, tried } from "./patient-client.ts";
import { type ProducerSettings, TransactionalProducer } from "./transactional-producer.ts";

export const BANK_TOPIC = "bank";
/** What bankers write down besides, where there is such a topic: it is trimmed, deleted and made again while they do. */
export const NOTES_TOPIC = "notes";

export interface Transfer {
  readonly id: number;
  /** Undefined: nobody knows. */
  outcome: "done" | "aborted" | undefined;
}

/** A half of a transfer, as its record says it. */
export interface Entry {
  readonly transfer: number;
  readonly change: number;
}

export interface BankerOptions extends ProducerSettings {
  readonly random: SeededRandom;
  readonly nextTransfer: () => Transfer;
  readonly pauseMs: readonly [number, number];
}

/** Of a hundred transfers: aborted after the debit; left as it is, until the next beginning or its timeout ends it; noted. */
const ABORTS = 15;
const DESERTS = 5;
const NOTES = 50;
const MOST = 100;

export class Banker {
  commits = 0;
  aborts = 0;
  private readonly client: PatientClient;
  private readonly options: BankerOptions;
  private readonly producer: TransactionalProducer;

  constructor(client: PatientClient, options: BankerOptions) {
    this.client = client;
    this.options = options;
    this.producer = new TransactionalProducer(client, options);
  }

  async run(stopped: () => boolean): Promise<void> {
    const { random, pauseMs } = this.options;
    let hasProducer = false;
    while (!stopped()) {
      await this.client.pause(random.between(...pauseMs));
      hasProducer ||= await tried(() => this.producer.init());
      if (hasProducer && this.client.partitionsOf(BANK_TOPIC) > 1) hasProducer = await this.transfer();
    }
    // The last word: whatever is open is fenced.
    for (let left = 3; left > 0 && !(await tried(() => this.producer.init())); left--);
    this.client.close();
  }

  /** False: it must begin anew. */
  private async transfer(): Promise<boolean> {
    const { random, nextTransfer } = this.options;
    const accounts = this.client.partitionsOf(BANK_TOPIC);
    const from = random.below(accounts);
    const to = (from + 1 + random.below(accounts - 1)) % accounts;
    const amount = 1 + random.below(MOST);
    const dice = random.below(100);
    const transfer = nextTransfer();
    const { id } = transfer;
    const isTaken =
      (await tried(() => this.producer.begin())) &&
      (await tried(() => this.producer.send(BANK_TOPIC, from, [entryText(id, -amount)])));
    if (!isTaken || dice < DESERTS) {
      transfer.outcome = "aborted";
      return false;
    }
    const isGiven =
      dice >= DESERTS + ABORTS &&
      (await this.note(id)) &&
      (await tried(() => this.producer.send(BANK_TOPIC, to, [entryText(id, amount)])));
    if (!isGiven) {
      transfer.outcome = "aborted";
      this.aborts++;
      return tried(() => this.producer.end(false));
    }
    const isDone = await tried(() => this.producer.end(true));
    if (isDone) {
      transfer.outcome = "done";
      this.commits++;
    }
    return isDone;
  }

  /** A part of the transaction as any other: where it cannot be written, nothing is. */
  private async note(id: number): Promise<boolean> {
    const { client, producer, options } = this;
    const count = client.partitionsOf(NOTES_TOPIC);
    if (count === 0 || options.random.below(100) >= NOTES) return true;
    return await tried(() => producer.sendById(NOTES_TOPIC, options.random.below(count), [String(id)]));
  }
}

function entryText(transfer: number, change: number): string {
  return `${transfer} ${change}`;
}

export function entryOf(text: string): Entry {
  const [transfer = "", change = ""] = text.split(" ");
  return { transfer: Number(transfer), change: Number(change) };
}
