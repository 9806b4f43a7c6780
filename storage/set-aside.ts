/**
 * Logs that lose their names: deleted ones, strays, ones that were replaced. Their directories are renamed, and those of deleted logs
 * removed after file.delete.delay.ms.
 *
 * Owns: the renaming, and what checkpoints still say of them. Leaves to LogDirectories: which logs, and the tables.
 */
import { KafkaError } from "../protocol/kafka-error.ts";
import { DelayedRemoval } from "./delayed-removal.ts";
import { suffixedDirectoryPath } from "./directory-name.ts";
import { type HostedLog, storageError } from "./hosted-logs.ts";
import type { LogSurroundings } from "./log/log-surroundings.ts";
import type { FoundDirectory } from "./log-directory.ts";

export class SetAside {
  private readonly around: LogSurroundings;
  private readonly removal: DelayedRemoval;

  constructor(around: LogSurroundings) {
    this.around = around;
    this.removal = new DelayedRemoval(around.disk, around.clock, around.logger);
  }

  /** What a deletion before the last stop has left. */
  found({ path }: FoundDirectory, delayMs: number): void {
    this.removal.add(path, delayMs);
  }

  /**
   * Renames the directory of a log and lets go of the log; returns where it lies now. The caller syncs the directory above.
   * @throws KafkaError KAFKA_STORAGE_ERROR when it could not be moved.
   */
  put({ log, directory }: HostedLog, state: "delete" | "stray"): string {
    const path = suffixedDirectoryPath(this.around.random, directory.path, log, state);
    try {
      if (directory.failure !== undefined) throw storageError(directory.failure);
      log.rename(path);
    } finally {
      log.abandon();
    }
    if (state === "delete") this.removal.add(path, log.config.fileDeleteDelayMs);
    return path;
  }

  /** The same; undefined, and a word in the log, when it could not be moved. */
  tryPut(hosted: HostedLog, state: "delete" | "stray"): string | undefined {
    try {
      return this.put(hosted, state);
    } catch (error) {
      if (!(error instanceof KafkaError)) throw error;
      this.around.logger.error({ path: hosted.log.path }, "a log that is not wanted any more could not be set aside");
      return undefined;
    }
  }

  /** Nothing further is removed; resolves when what is under way has ended. */
  stop(): Promise<void> {
    return this.removal.stop();
  }
}
