/**
 * Records on their way to standard output, and when it is enough of them.
 *
 * Owns: the limit that was asked for, and that a reader who is slow is waited for; one who has gone ends the command.
 */
import { once } from "node:events";
import type { FetchedRecord } from "../client/fetched-records.ts";
import type { CommandIo } from "../command-io.ts";
import { type RecordStyle, recordJson, recordLine } from "../output/record-text.ts";

export interface RecordOutputOptions {
  readonly style: RecordStyle;
  readonly json: boolean;
  /** No limit when undefined. */
  readonly maxRecords: number | undefined;
}

export class RecordOutput {
  /** Resolves when nothing more is wanted. */
  readonly stopped: Promise<void>;
  /** Calls the end. */
  stop: () => void = () => {};
  isStopped = false;
  private readonly io: CommandIo;
  private readonly options: RecordOutputOptions;
  private left: number;

  constructor(io: CommandIo, options: RecordOutputOptions) {
    this.io = io;
    this.options = options;
    this.left = options.maxRecords ?? Number.POSITIVE_INFINITY;
    this.stopped = new Promise((resolve) => {
      this.stop = () => {
        this.isStopped = true;
        resolve();
      };
    });
  }

  /** Prints as many as are still wanted; returns how many that were. Resolves when there is room for more. */
  async print(records: readonly FetchedRecord[]): Promise<number> {
    const { style, json } = this.options;
    const printed = this.isStopped ? [] : records.slice(0, this.left);
    if (printed.length === 0) return 0;
    this.left -= printed.length;
    const bytes = json
      ? printed.map(recordJson).join("")
      : Buffer.concat(printed.map((record) => recordLine(record, style)));
    const hasRoom = this.io.stdout.write(bytes);
    if (this.left === 0) this.stop();
    if (!hasRoom) await Promise.race([once(this.io.stdout, "drain").catch(() => {}), this.stopped]);
    return printed.length;
  }
}
