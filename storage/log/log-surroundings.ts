/** What the logs of a node share, and what opening one of them takes. */
import type { Clock } from "../clock.ts";
import type { Compute } from "../compute.ts";
import type { Disk } from "../disk.ts";
import type { LogConfig } from "../log-config.ts";
import type { Logger } from "../logger.ts";
import type { Random } from "../random.ts";
import type { ProducerLimits } from "./producer-state.ts";
import type { TailBudget } from "./tail-budget.ts";

export interface LogSurroundings {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly random: Random;
  readonly compute: Compute;
  readonly logger: Logger;
  readonly tailBudget: TailBudget;
  readonly producerLimits: ProducerLimits;
  /** A compressed batch that would take more than this is refused. */
  readonly maxDecompressedBytes: number;
}

export const DEFAULT_PRODUCER_LIMITS: ProducerLimits = {
  expirationMs: 86_400_000,
  verifyTransactions: true,
  maxProducers: 100_000,
};

/** As much as a request may carry. */
export const DEFAULT_MAX_DECOMPRESSED_BYTES = 104_857_600;

export interface OpenLogOptions {
  /** The partition's directory, made when it is missing; without a slash at its end. */
  readonly path: string;
  readonly topic: string;
  readonly partition: number;
  /** Undefined takes what `partition.metadata` says. */
  readonly topicId?: string | undefined;
  /** Of the directory that holds this one. */
  readonly directoryId: string;
  readonly config: LogConfig;
  /** Whether the node stopped in order: then nothing is scanned. */
  readonly cleanShutdown: boolean;
  /** It was cleaned once: offsets are left out on purpose, whatever its policy is now. */
  readonly wasCleaned?: boolean;
  /** The rest are offsets of checkpoints, 0 when they have none. Below it everything was synced. */
  readonly recoveryPoint: number;
  readonly logStartOffset: number;
  readonly highWatermark: number;
}
