/**
 * `watch`: what happens in a cluster, a line for each event, until it is told to stop or the cluster is gone.
 */
import type { ClusterEvent } from "../../cluster/cluster-events.ts";
import { type ControlCommand, controlClient, print, withControlOptions } from "./control-options.ts";
import { eventText } from "./event-text.ts";

export const watchCommand: ControlCommand = {
  build: (command) =>
    withControlOptions(command)
      .option("types", {
        type: "string",
        requiresArg: true,
        description: "TYPE,TYPE  Only these, as leader-moved; high-watermark comes only where it is named",
      })
      .usage("Usage: $0 watch [options]\n\nPrints what happens in a cluster as it happens."),
  run: async (argv, io) => {
    const stop = new AbortController();
    const done = io.onStopAsked(() => stop.abort());
    const query = argv.types === undefined ? "" : `?types=${encodeURIComponent(String(argv.types))}`;
    try {
      for await (const line of controlClient(argv).lines(`/events${query}`, stop.signal)) {
        const time = new Date().toISOString().slice(11, 23);
        print(io, argv.json === true ? line : `${time}  ${eventText(JSON.parse(line) as ClusterEvent)}`);
      }
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    } finally {
      done();
    }
  },
};
