/**
 * Reads what is committed of one topic and writes it to another, exactly once: the records and the place in the input are one
 * transaction (KIP-447, V12).
 *
 * Owns: that what it gives up it does not go on with. Leaves to transactions-end.ts: whether the output is the input.
 */
import { HISTORY_TOPIC } from "../../history/history-client.ts";
import type { SeededRandom } from "../seeded-random.ts";
import { GroupMember } from "./group-member.ts";
import { type PatientClient, tried } from "./patient-client.ts";
import { type ProducerSettings, TransactionalProducer } from "./transactional-producer.ts";

export const COPY_TOPIC = "copy";
export const COPY_GROUP = "copiers";

export interface CopierOptions extends ProducerSettings {
  readonly random: SeededRandom;
  /** By partition: the offset of which a copier was told that it is committed. Shared by all. */
  readonly committed: Map<number, number>;
  /** Told that a committed offset went back from one to another. */
  readonly wentBack: (partition: number, from: number, to: number) => void;
  /** Of a hundred transactions so many take longer than they may. */
  readonly dawdles: number;
  readonly pauseMs: readonly [number, number];
}

const POLL_MS = 100;
const MOST_RECORDS = 5;
/** Of a hundred transactions that are aborted, for nothing. */
const ABORTS = 10;

/** A record of the output says which of the input it is. */
export function copyText(partition: number, offset: number, value: string): string {
  return `${partition} ${offset} ${value}`;
}

export class Copier {
  commits = 0;
  aborts = 0;
  private readonly client: PatientClient;
  private readonly options: CopierOptions;
  private readonly producer: TransactionalProducer;
  private readonly member: GroupMember;
  /** Where it goes on in what it owns; a partition it has not asked about yet is missing. */
  private readonly positions = new Map<number, number>();
  private hasProducer = false;
  private turn = 0;
  private hurries = false;

  constructor(client: PatientClient, options: CopierOptions) {
    this.client = client;
    this.options = options;
    this.producer = new TransactionalProducer(client, options);
    this.member = new GroupMember(client, COPY_GROUP, HISTORY_TOPIC);
  }

  async run(stopped: () => boolean): Promise<void> {
    while (!stopped()) {
      if (!(await tried(() => this.once()))) this.positions.clear();
    }
    this.client.close();
  }

  /** From now on it does nothing but copy: what is left comes to an end. */
  hurry(): void {
    this.hurries = true;
  }

  private draws(percent: number): boolean {
    return !this.hurries && this.options.random.below(100) < percent;
  }

  describe(): string {
    const { client, member, positions } = this;
    const owned = member.owned.join() || "nothing";
    return `${client.environment.name} owns ${owned}, at ${[...positions].join(" ")}, last trouble ${client.lastTrouble}`;
  }

  private async once(): Promise<void> {
    const { member, client, options } = this;
    if (member.isDue) await member.beat();
    if (!member.isSettled) {
      member.settle();
      this.positions.clear();
      await member.beat();
    }
    if (member.owned.length === 0 || client.partitionsOf(COPY_TOPIC) === 0) {
      await client.pause(POLL_MS);
      return;
    }
    this.hasProducer ||= await tried(() => this.producer.init());
    if (!this.hasProducer) return;
    const partition = member.owned[this.turn++ % member.owned.length] as number;
    const position = this.positions.get(partition) ?? (await this.recover(partition));
    const [records, nextOffset] = await client.read(HISTORY_TOPIC, partition, position, POLL_MS);
    if (nextOffset === position) return;
    if (!this.hurries) await client.pause(options.random.between(...options.pauseMs));
    const some = records.slice(0, MOST_RECORDS);
    const next = some.length === records.length ? nextOffset : (some.at(-1)?.offset ?? 0) + 1;
    const values = some.map(({ offset, value }) => copyText(partition, offset, value));
    if (!(await this.copy(partition, values, next))) this.positions.clear();
    else this.positions.set(partition, next);
  }

  private async recover(partition: number): Promise<number> {
    const least = this.options.committed.get(partition) ?? 0;
    const offset = await this.member.committedOffset(partition);
    if (offset < least) this.options.wentBack(partition, least, offset);
    this.positions.set(partition, offset);
    return offset;
  }

  private async copy(partition: number, values: readonly string[], nextOffset: number): Promise<boolean> {
    const { random, committed, dawdles, timeoutMs } = this.options;
    const outputs = this.client.partitionsOf(COPY_TOPIC);
    const isWritten = await tried(async () => {
      await this.producer.begin();
      const byOutput = new Map<number, string[]>();
      for (const value of values) {
        const output = random.below(outputs);
        byOutput.set(output, [...(byOutput.get(output) ?? []), value]);
      }
      for (const [output, texts] of byOutput) await this.producer.send(COPY_TOPIC, output, texts);
      if (this.draws(dawdles)) await this.client.pause(2 * timeoutMs);
      await this.producer.sendOffsets(this.member.membership, HISTORY_TOPIC, new Map([[partition, nextOffset]]));
      if (this.draws(dawdles)) await this.client.pause(2 * timeoutMs);
    });
    const commits = isWritten && !this.draws(ABORTS);
    this.hasProducer = await tried(() => this.producer.end(commits));
    if (!commits) this.aborts++;
    if (!commits || !this.hasProducer) return false;
    this.commits++;
    committed.set(partition, Math.max(nextOffset, committed.get(partition) ?? 0));
    return true;
  }
}
