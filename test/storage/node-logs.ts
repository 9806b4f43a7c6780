/**
 * A simulated node with log directories, for the tests of LogDirectories: opens them, waits in virtual time, kills the node, and
 * remembers what it was told.
 */
import { errorCodeOf } from "../../protocol/kafka-error.ts";
import type { SegmentedLog } from "../../storage/log/segmented-log.ts";
import { DEFAULT_LOG_CONFIG, type LogConfig } from "../../storage/log-config.ts";
import { LogDirectories } from "../../storage/log-directories.ts";
import type { LogDirectoriesOptions, LogDirectoriesSettings } from "../../storage/log-directories-options.ts";
import { type Incarnation, Simulation } from "../simulation/simulation.ts";
import { append, recordsOf, surroundingsOf } from "./log/cleanable-log.ts";

export const ID = "E06ThbWK_bULAm2VVb5b-w";
export const OTHER_ID = "F06ThbWK_bULAm2VVb5b-w";
export const CLUSTER = "AAAAAAAAAAAAAAAAAAAAAQ";

interface Told {
  readonly offline: string[];
  readonly directories: string[];
  readonly reopened: string[];
  /** How often logs that were missing are there. */
  missingOpened: number;
  readonly moved: string[];
  movesEnded: number;
}

export interface Bench {
  readonly simulation: Simulation;
  node: Incarnation;
  readonly told: Told;
  readonly configs: Map<string, Partial<LogConfig>>;
  moveBytesPerSecond: number | undefined;
  /** The log directory that the metadata assigns to all logs. */
  assigned: string | undefined;
  /** What the controller says of a log that is about to be elsewhere. */
  ready: (path: string) => Promise<boolean>;
  open(paths?: readonly string[], settings?: Partial<LogDirectoriesSettings>): Promise<LogDirectories>;
  wait(ms: number): Promise<void>;
  restart(powerLoss: boolean): void;
}

/** Runs on a simulated node; the clock stands unless something waits. */
export async function onNode(body: (bench: Bench) => Promise<void>, seed: number | string = 1): Promise<void> {
  const simulation = new Simulation({ seed, latencyMs: [0, 1] });
  const watcher = simulation.boot("watcher");
  const told: Told = { offline: [], directories: [], reopened: [], missingOpened: 0, moved: [], movesEnded: 0 };
  const ids = new Map<string, string>();
  const configs = new Map<string, Partial<LogConfig>>();
  const bench: Bench = {
    simulation,
    node: simulation.boot("a"),
    told,
    configs,
    moveBytesPerSecond: undefined,
    assigned: undefined,
    ready: async () => true,
    open: async (paths = ["/d1"], settings = {}) => {
      const options: LogDirectoriesOptions = {
        around: surroundingsOf(bench.node),
        paths,
        clusterId: CLUSTER,
        nodeId: 1,
        configOf: (topic) => ({ ...DEFAULT_LOG_CONFIG, ...configs.get(topic) }),
        settings,
        onLogOffline: (log) => told.offline.push(`${log.topic}-${log.partition}`),
        onLogReopened: (log, before) =>
          told.reopened.push(`${log.topic}-${log.partition} ${before.offline} ${log.offline}`),
        onMissingOpened: () => void told.missingOpened++,
        assignedDirectory: () => (bench.assigned === undefined ? undefined : (ids.get(bench.assigned) ?? "unknown")),
        onFutureReady: ({ path }) => bench.ready(path),
        onLogMoved: (log, before) =>
          told.moved.push(
            [`${log.topic}-${log.partition}`, ...[before, log].map(({ path }) => path.slice(0, 3))].join(" "),
          ),
        onMoveEnded: () => void told.movesEnded++,
        moveBytesPerSecond: () => bench.moveBytesPerSecond ?? Number.POSITIVE_INFINITY,
        onDirectoryOffline: (id) => told.directories.push(id),
      };
      const logs = await LogDirectories.open(options);
      for (const { path, directoryId } of logs.describe()) if (directoryId !== undefined) ids.set(path, directoryId);
      await logs.load();
      return logs;
    },
    wait: (ms) => new Promise<void>((resolve) => void watcher.clock.after(ms, resolve)),
    restart: (powerLoss) => {
      simulation.kill("a", { powerLoss });
      bench.node = simulation.boot("a");
    },
  };
  await simulation.run(() => body(bench));
}

export const codeOf = (work: () => unknown): number | string => {
  try {
    work();
    return "fine";
  } catch (error) {
    return errorCodeOf(error);
  }
};

export const values = async (log: SegmentedLog | undefined) =>
  log === undefined ? undefined : (await recordsOf(log)).map(({ value }) => value);

export const put = (log: SegmentedLog, ...texts: string[]) => {
  for (const value of texts) append(log, [{ key: "k", value }]);
};

export const names = ({ node }: Bench, path = "/d1") => node.disk.list(path).map(({ name }) => name);
