/**
 * What the workload asks of a client: one transactional producer and one read_committed consumer, whatever stands behind them.
 */
import type { PolledValue } from "./history.ts";

export interface Polled {
  readonly values: readonly PolledValue[];
  /** The consumer was given other positions since the last poll. */
  readonly repositioned: boolean;
}

export interface HistoryClient extends AsyncDisposable {
  /** Whether its consumer can only have partitions as the member of a group. */
  readonly subscribes: boolean;
  /** A new producer; the one before, and its transaction, are at their end. */
  init(): Promise<void>;
  begin(): Promise<void>;
  /** The offset; undefined when the client does not tell. */
  send(key: number, value: number): Promise<number | undefined>;
  commit(): Promise<void>;
  abort(): Promise<void>;
  /** The consumer begins anew, with these keys, at their beginning. */
  assign(keys: readonly number[]): Promise<void>;
  poll(timeoutMs: number): Promise<Polled>;
}

export type HistoryClientName = "kafkajs" | "librdkafka" | "java" | "franz-go";
export type MakeHistoryClient = (bootstrapServers: string, process: number) => HistoryClient;

/** The one topic; its partitions are the keys. */
export const HISTORY_TOPIC = "history";
