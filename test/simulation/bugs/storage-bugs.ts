/** Bugs of logs: recovery, what is known of producers. */
import { LogTruncation } from "../../../storage/log/log-truncation.ts";
import { LogDirectory } from "../../../storage/log-directory.ts";
import { type InjectedBug, replaceMethod } from "./injected-bug.ts";

/** What of a truncation is about producers. */
interface ProducerPart {
  rebuildProducers(endOffset: number): void;
}

export const STORAGE_BUGS: readonly InjectedBug[] = [
  {
    name: "R77",
    what: "logs that a crash left are taken for closed ones, and not recovered",
    inject: () =>
      replaceMethod(
        LogDirectory.prototype,
        "begin",
        (original) =>
          async function (this: LogDirectory) {
            await original.call(this);
            this.lastShutdown = { ...this.lastShutdown, clean: true };
          },
      ),
  },
  {
    name: "R26",
    what: "a truncation leaves what is known of producers as it was: their retries count as duplicates of what was cut",
    inject: () => replaceMethod(LogTruncation.prototype as unknown as ProducerPart, "rebuildProducers", () => () => {}),
  },
];
