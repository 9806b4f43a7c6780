/**
 * `odradek consume`: records of topics on standard output, alone or as a member of a group.
 *
 * Owns: options. Leaves to consume-alone.ts and consume-in-group.ts where to begin and when it is enough.
 */
import { CommandError } from "../command-error.ts";
import type { CommandIo } from "../command-io.ts";
import type { Arguments, CommandModule } from "../commands.ts";
import { consumeAlone } from "./consume-alone.ts";
import { consumeInGroup } from "./consume-in-group.ts";
import { flag, isSet, TIME_FORMS, text, texts, valued, wholeNumber, withCommonOptions } from "./options.ts";
import { RecordOutput } from "./record-output.ts";
import { withCluster } from "./with-cluster.ts";

/** What says where to begin; with a group that is what it has committed. */
const STARTS = ["from-beginning", "offset", "time", "last"] as const;

export const consumeCommand: CommandModule = {
  positionals: "<topic..>",
  build: (command) =>
    withCommonOptions(command.positional("topic", { type: "string", array: true, description: "Names of the topics" }))
      .usage(
        "Usage: $0 consume <topic..> [options]\n\nPrints records as they come, from now on unless something else is said. " +
          "Ctrl-C ends it.",
      )
      .option("from-beginning", flag("From the first record there is"))
      .option("offset", valued("N", "From this offset of each partition", { alias: "o" }))
      .option("time", valued("TIME", `From the first record of a time, ${TIME_FORMS}`))
      .option("last", valued("N", "From so many records before the end of each partition"))
      .option("partition", valued("N", "Only this partition, or several with commas", { alias: "p" }))
      .option(
        "group",
        valued(
          "GROUP",
          "As a member of a group: shares the partitions with its other members, commits what it has printed",
          { alias: "g" },
        ),
      )
      .option("follow", flag("Wait for more at the end; --no-follow ends there", { default: true }))
      .option("max-messages", valued("N", "End after so many records", { alias: "n" }))
      .option(
        "isolation",
        valued("LEVEL", "read_committed leaves out transactions that are open or aborted; read_uncommitted does not", {
          default: "read_uncommitted",
        }),
      )
      .option("keys", flag("Print keys", { alias: "k" }))
      .option("headers", flag("Print headers", { alias: "H" }))
      .option("timestamps", flag("Print times"))
      .option("offsets", flag("Print topic, partition and offset"))
      .option("separator", valued("TEXT", "Between the parts of a record; \\t stands for a tab", { default: "\\t" }))
      .example("$0 consume greetings --from-beginning", "")
      .example("$0 consume orders --last 10 --no-follow --keys --offsets", "")
      .example("$0 consume orders --time 15m --json | jq .value", "")
      .example("$0 consume orders --group readers --isolation read_committed", ""),
  run: consume,
};

async function consume(argv: Arguments, io: CommandIo): Promise<void> {
  const isolation = text(argv, "isolation");
  if (isolation !== "read_committed" && isolation !== "read_uncommitted") {
    throw new CommandError(`--isolation needs read_committed or read_uncommitted, not ${JSON.stringify(isolation)}`);
  }
  const starts = STARTS.filter((name) => argv[name] !== undefined && argv[name] !== false);
  if (starts.length > 1) throw new CommandError(`--${starts[0]} and --${starts[1]} say where to begin: only one can`);
  const group = text(argv, "group");
  if (group !== undefined) {
    const contrary = argv.partition !== undefined ? "partition" : starts.find((name) => name !== "from-beginning");
    if (contrary !== undefined)
      throw new CommandError(`--${contrary} does not go with --group, which decides that itself`);
  }
  const topics = [...new Set(texts(argv, "topic"))];
  const order = {
    topics,
    committed: isolation === "read_committed",
    follow: argv.follow !== false,
    fromBeginning: isSet(argv, "from-beginning"),
  };
  const output = new RecordOutput(io, {
    style: {
      offsets: isSet(argv, "offsets"),
      timestamps: isSet(argv, "timestamps"),
      keys: isSet(argv, "keys"),
      headers: isSet(argv, "headers"),
      separator: (text(argv, "separator") ?? "").replaceAll("\\t", "\t"),
      isTerminal: io.stdout.isTTY === true,
    },
    json: isSet(argv, "json"),
    maxRecords: wholeNumber(argv, "max-messages", 1),
  });
  const takeBack = io.onStopAsked(() => output.stop());
  try {
    await withCluster(argv, (cluster) =>
      group === undefined
        ? consumeAlone(cluster, argv, order, output)
        : consumeInGroup(cluster, { ...order, group }, output),
    );
  } finally {
    takeBack();
  }
}

export interface ConsumeOrder {
  readonly topics: readonly string[];
  readonly committed: boolean;
  readonly follow: boolean;
  readonly fromBeginning: boolean;
}
