/**
 * `odradek topics`: list, create, describe, alter, delete.
 *
 * Owns: options, words, tables. Leaves requests to client/topic-admin.ts.
 */
import type { Argv } from "yargs";
import { ErrorCode } from "../../protocol/error-codes.ts";
import {
  alterTopicConfigs,
  createTopics,
  deleteTopics,
  growTopic,
  listTopics,
  type Outcomes,
} from "../client/topic-admin.ts";
import { CommandError } from "../command-error.ts";
import type { CommandIo } from "../command-io.ts";
import type { Arguments, CommandModule } from "../commands.ts";
import { writeJson, writeTable } from "../output/results.ts";
import { flag, isSet, pairs, texts, valued, wholeNumber, withCommonOptions } from "./options.ts";
import { describeTopics } from "./topics-describe.ts";
import { inWords, withCluster } from "./with-cluster.ts";

const MAX_REPLICAS = 0x7fff;
const MAX_PARTITIONS = 0x7fffffff;
/** The broker's own default. */
const DEFAULT = -1;

export const topicsCommand: CommandModule = {
  build: (command) =>
    command
      .usage("Usage: $0 topics <command>\n\nLooks at topics, makes and changes them.")
      .example("$0 topics create orders --partitions 6", "")
      .example("$0 topics describe orders", "leaders, replicas, offsets, configs"),
  below: {
    list: {
      summary: "Show which topics there are",
      build: (command) =>
        withCommonOptions(command)
          .usage(
            "Usage: $0 topics list [options]\n\nShows the topics of a cluster, without those that it keeps for itself.",
          )
          .option("all", flag("Internal topics too", { alias: "a" })),
      run: list,
    },
    create: {
      positionals: "<topic..>",
      summary: "Make topics",
      build: (command) =>
        withCommonOptions(topicNames(command, "Names of the topics"))
          .usage(
            "Usage: $0 topics create <topic..> [options]\n\nMakes topics; what is not said is the broker's default.",
          )
          .option("partitions", valued("N", "How many partitions each has", { alias: "p" }))
          .option("replicas", valued("N", "How many replicas each partition has", { alias: "r" }))
          .option("config", valued("KEY=VALUE", "A config of the topics, as often as needed", { alias: "c" }))
          .option("if-not-exists", flag("Leave topics alone that are there"))
          .option("dry-run", flag("Check only, make nothing"))
          .example("$0 topics create orders --partitions 6 --replicas 3 --config retention.ms=3600000", ""),
      run: create,
    },
    describe: {
      positionals: "[topic..]",
      summary: "Show partitions, leaders, replicas, offsets and configs",
      build: (command) =>
        withCommonOptions(topicNames(command, "Names of the topics; all that are not internal when left out")).usage(
          "Usage: $0 topics describe [topic..] [options]\n\nShows topics as the cluster holds them.",
        ),
      run: (argv, io) => withCluster(argv, (cluster) => describeTopics(cluster, argv, io)),
    },
    alter: {
      positionals: "<topic>",
      summary: "Change configs, add partitions",
      build: (command) =>
        withCommonOptions(command.positional("topic", { type: "string", description: "Name of the topic" }))
          .usage(
            "Usage: $0 topics alter <topic> [options]\n\nChanges a topic. Partitions can be added, never taken away.",
          )
          .option("partitions", valued("N", "How many partitions it shall have", { alias: "p" }))
          .option("config", valued("KEY=VALUE", "A config to set, as often as needed", { alias: "c" }))
          .option("unset", valued("KEY", "A config that shall have its default again, as often as needed"))
          .example("$0 topics alter orders --partitions 12", "")
          .example("$0 topics alter orders --config cleanup.policy=compact --unset retention.ms", ""),
      run: alter,
    },
    delete: {
      positionals: "<topic..>",
      summary: "Delete topics and their records",
      build: (command) =>
        withCommonOptions(topicNames(command, "Names of the topics"))
          .usage(
            "Usage: $0 topics delete <topic..> [options]\n\nDeletes topics with all their records, without asking.",
          )
          .option("if-exists", flag("Pass over topics that are not there")),
      run: remove,
    },
  },
};

function topicNames(command: Argv, description: string): Argv {
  return command.positional("topic", { type: "string", array: true, description });
}

async function list(argv: Arguments, io: CommandIo): Promise<void> {
  await withCluster(argv, async (cluster) => {
    const topics = (await listTopics(cluster)).filter(({ isInternal }) => isSet(argv, "all") || !isInternal);
    const listed = topics.map(({ name, topicId, partitions, isInternal }) => ({
      topic: name ?? "",
      id: topicId,
      partitions: partitions.length,
      replicas: Math.max(0, ...partitions.map(({ replicaNodes }) => replicaNodes.length)),
      internal: isInternal,
    }));
    if (isSet(argv, "json")) writeJson(io, listed);
    else
      writeTable(
        io,
        listed.map(({ topic, partitions, replicas }) => ({ topic, partitions, replicas })),
        "there are no topics",
      );
  });
}

async function create(argv: Arguments, io: CommandIo): Promise<void> {
  const topics = texts(argv, "topic").map((name) => ({
    name,
    partitions: wholeNumber(argv, "partitions", 1, MAX_PARTITIONS) ?? DEFAULT,
    replicas: wholeNumber(argv, "replicas", 1, MAX_REPLICAS) ?? DEFAULT,
    configs: new Map(pairs(argv, "config")),
  }));
  const dryRun = isSet(argv, "dry-run");
  await withCluster(argv, async (cluster) => {
    const done = await createTopics(cluster, topics, dryRun);
    report(argv, io, done, dryRun ? "could be created" : "created", {
      code: ErrorCode.TOPIC_ALREADY_EXISTS,
      passed: isSet(argv, "if-not-exists"),
      words: "is there already",
    });
  });
}

async function remove(argv: Arguments, io: CommandIo): Promise<void> {
  await withCluster(argv, async (cluster) => {
    const done = await deleteTopics(cluster, texts(argv, "topic"));
    report(argv, io, done, "deleted", {
      code: ErrorCode.UNKNOWN_TOPIC_OR_PARTITION,
      passed: isSet(argv, "if-exists"),
      words: "is not there",
    });
  });
}

async function alter(argv: Arguments, io: CommandIo): Promise<void> {
  const [topic] = texts(argv, "topic") as [string];
  const partitions = wholeNumber(argv, "partitions", 1, MAX_PARTITIONS);
  const set = new Map(pairs(argv, "config"));
  const unset = texts(argv, "unset");
  if (partitions === undefined && set.size === 0 && unset.length === 0) {
    throw new CommandError("nothing to change: --partitions, --config or --unset says what");
  }
  await withCluster(argv, async (cluster) => {
    try {
      if (set.size > 0 || unset.length > 0) await alterTopicConfigs(cluster, topic, set, unset);
      if (partitions !== undefined) await growTopic(cluster, topic, partitions);
    } catch (error) {
      throw inWords(error, topic);
    }
    if (isSet(argv, "json")) writeJson(io, [{ topic, outcome: "altered" }]);
    else io.stdout.write(`altered ${topic}\n`);
  });
}

/** An outcome that the user said is fine. */
interface Expected {
  readonly code: ErrorCode;
  readonly passed: boolean;
  readonly words: string;
}

/** A line for each topic; whatever failed is the command's failure. */
function report(argv: Arguments, io: CommandIo, outcomes: Outcomes, done: string, expected: Expected): void {
  const failed: string[] = [];
  const told: { topic: string; outcome: string }[] = [];
  // In the order they were named; the answer has its own.
  for (const topic of new Set(texts(argv, "topic"))) {
    const error = outcomes.get(topic);
    if (error === undefined) told.push({ topic, outcome: done });
    else if (expected.passed && error.code === expected.code) told.push({ topic, outcome: expected.words });
    else failed.push((inWords(error, topic) as Error).message);
  }
  if (isSet(argv, "json")) writeJson(io, told);
  else {
    for (const { topic, outcome } of told) {
      io.stdout.write(outcome === done ? `${outcome} ${topic}\n` : `${topic} ${outcome}\n`);
    }
  }
  if (failed.length > 0) throw new CommandError(failed.join("\nodradek: "));
}
