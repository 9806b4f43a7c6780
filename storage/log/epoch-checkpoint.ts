/**
 * Keeps a log's leader epochs in its `leader-epoch-checkpoint`.
 *
 * Owns: the text (version 0, a count, a line "epoch startOffset" each) and the order of writing: to another name, synced, renamed,
 * directory synced. That happens off the loop; changes meanwhile share the next round. What a crash loses is found again in the
 * batches: the recovery point never passes an epoch that is not on the device. Leaves the rules to LeaderEpochs.
 */
import { readFileIfThere } from "../checkpoint-file.ts";
import type { EpochEntry } from "./leader-epochs.ts";
import type { PartitionDirectory } from "./partition-directory.ts";

export const EPOCH_CHECKPOINT_NAME = "leader-epoch-checkpoint";
const TEMPORARY_NAME = `${EPOCH_CHECKPOINT_NAME}.tmp`;
const VERSION = "0";

/** The entries of the file; undefined when it is missing or is not what it should be. */
export function readEpochCheckpoint(directory: PartitionDirectory): EpochEntry[] | undefined {
  const text = readFileIfThere(directory.disk, directory.pathOf(EPOCH_CHECKPOINT_NAME));
  const lines = text?.split(/\r?\n/) ?? [];
  if (lines[0] !== VERSION || !/^\d+$/.test(lines[1] ?? "")) return undefined;
  const count = Number(lines[1]);
  const entries: EpochEntry[] = [];
  for (const line of lines.slice(2, 2 + count)) {
    const parts = /^(\d+) (\d+)$/.exec(line.trim());
    const entry = { leaderEpoch: Number(parts?.[1] ?? Number.NaN), startOffset: Number(parts?.[2] ?? Number.NaN) };
    if (!Number.isSafeInteger(entry.leaderEpoch) || !Number.isSafeInteger(entry.startOffset)) return undefined;
    entries.push(entry);
  }
  return entries.length === count ? entries : undefined;
}

export function formatEpochs(entries: readonly EpochEntry[]): string {
  const lines = entries.map(({ leaderEpoch, startOffset }) => `${leaderEpoch} ${startOffset}\n`);
  return `${VERSION}\n${entries.length}\n${lines.join("")}`;
}

export class EpochCheckpoint {
  private readonly directory: PartitionDirectory;
  private readonly failed: (error: unknown) => void;
  private unsaved: readonly EpochEntry[] | undefined;
  private saving: Promise<void> | undefined;
  private stopped = false;
  /** What the file holds, as far as known: opening a log drops epochs without a record, and its leader enters them again. */
  private savedText: string | undefined;

  /** @param failed called when the disk refuses; nothing is tried again. */
  constructor(directory: PartitionDirectory, failed: (error: unknown) => void) {
    this.directory = directory;
    this.failed = failed;
  }

  /** The file holds these entries already. */
  loaded(entries: readonly EpochEntry[]): void {
    this.savedText = formatEpochs(entries);
  }

  /** Starts to save; the entries must not change afterwards. */
  save(entries: readonly EpochEntry[]): void {
    if (this.stopped) return;
    this.unsaved = entries;
    this.saving ??= this.saveAll();
  }

  /** Resolves when nothing is left to save; a failure was told to `failed`. */
  async saved(): Promise<void> {
    await this.saving;
  }

  /** Nothing is written from here on. */
  stop(): void {
    this.stopped = true;
    this.unsaved = undefined;
  }

  private async saveAll(): Promise<void> {
    const { directory } = this;
    try {
      while (this.unsaved !== undefined) {
        const entries = this.unsaved;
        this.unsaved = undefined;
        // Only once the turn that changed the epochs is over: the last of its changes is the one to write.
        await Promise.resolve();
        if (this.unsaved !== undefined) continue;
        if (this.stopped) return;
        const text = formatEpochs(entries);
        if (text === this.savedText) continue;
        directory.disk.writeFile(directory.pathOf(TEMPORARY_NAME), text);
        await directory.disk.syncFile(directory.pathOf(TEMPORARY_NAME));
        if (this.stopped) return;
        directory.rename(TEMPORARY_NAME, EPOCH_CHECKPOINT_NAME);
        await directory.syncNames();
        this.savedText = text;
      }
    } catch (error) {
      const wasStopped = this.stopped;
      this.stop();
      if (!wasStopped) this.failed(error);
    } finally {
      this.saving = undefined;
    }
  }
}
