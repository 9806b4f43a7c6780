/**
 * `odradek groups`: list, describe, reset, delete.
 *
 * Owns: options, words, tables. Leaves requests to client/group-admin.ts and client/group-offsets.ts.
 */
import type { Argv } from "yargs";
import type { ClusterClient } from "../client/cluster-client.ts";
import { deleteGroups, listGroups } from "../client/group-admin.ts";
import { deleteOffsets } from "../client/group-offsets.ts";
import { deleteShareOffsets } from "../client/share-offsets.ts";
import { CommandError } from "../command-error.ts";
import type { CommandIo } from "../command-io.ts";
import type { Arguments, CommandModule } from "../commands.ts";
import { writeJson, writeTable } from "../output/results.ts";
import { describeGroups } from "./groups-describe.ts";
import { resetGroup } from "./groups-reset.ts";
import { flag, isSet, TIME_FORMS, texts, valued, withCommonOptions } from "./options.ts";
import { partitionsNamed } from "./partitions-named.ts";
import { inWords, withCluster } from "./with-cluster.ts";

export const groupsCommand: CommandModule = {
  build: (command) =>
    command
      .usage(
        "Usage: $0 groups <command>\n\nLooks at groups of consumers and at what they have committed, and changes it.",
      )
      .example("$0 groups describe readers", "members, committed offsets and lag")
      .example("$0 groups reset readers --to-earliest", "read everything again"),
  below: {
    list: {
      summary: "Show which groups there are",
      build: (command) =>
        withCommonOptions(command)
          .usage("Usage: $0 groups list [options]\n\nShows the groups of all coordinators.")
          .option("state", valued("STATE", "Only groups in this state: Stable, Empty, ..."))
          .option("type", valued("TYPE", "Only groups of this type: classic, consumer, share, streams")),
      run: list,
    },
    describe: {
      positionals: "[group..]",
      summary: "Show members, committed offsets and lag",
      build: (command) =>
        withCommonOptions(groupNames(command, "Ids of the groups; all when left out"))
          .usage(
            "Usage: $0 groups describe [group..] [options]\n\nShows who is in a group, what it has committed, and what is left to read.",
          )
          .option("members", flag("Members only")),
      run: (argv, io) => withCluster(argv, (cluster) => describeGroups(cluster, argv, io)),
    },
    reset: {
      positionals: "<group>",
      summary: "Set committed offsets",
      build: (command) =>
        withCommonOptions(command.positional("group", { type: "string", description: "Id of the group" }))
          .usage(
            "Usage: $0 groups reset <group> <where to> [options]\n\nSets what a group has committed, so that it reads on from elsewhere. " +
              "Nobody may be in the group.",
          )
          .option(
            "topic",
            valued(
              "TOPIC",
              "A topic, or some partitions of it: TOPIC:0,2. As often as needed; all that the group has read when left out",
              { alias: "t" },
            ),
          )
          .option("to-earliest", flag("To the first record there is"))
          .option("to-latest", flag("Behind the last record"))
          .option("to-offset", valued("N", "To an offset"))
          .option("to-time", valued("TIME", `To the first record of a time, ${TIME_FORMS}`))
          .option("shift-by", valued("N", "So many records on, or back when it is negative (--shift-by=-10)"))
          .option("dry-run", flag("Show what would be done, change nothing"))
          .example("$0 groups reset readers --topic orders --to-time 2h", ""),
      run: (argv, io) => withCluster(argv, (cluster) => resetGroup(cluster, argv, io)),
    },
    delete: {
      positionals: "<group..>",
      summary: "Delete groups, or what they have committed of a topic",
      build: (command) =>
        withCommonOptions(groupNames(command, "Ids of the groups"))
          .usage(
            "Usage: $0 groups delete <group..> [options]\n\nDeletes groups that nobody is in, with what they have committed.",
          )
          .option(
            "topic",
            valued("TOPIC", "Only what was committed of this topic, or of partitions of it: TOPIC:0,2", { alias: "t" }),
          ),
      run: remove,
    },
  },
};

function groupNames(command: Argv, description: string): Argv {
  return command.positional("group", { type: "string", array: true, description });
}

async function list(argv: Arguments, io: CommandIo): Promise<void> {
  const wanted = (name: string): ((value: string) => boolean) => {
    const values = texts(argv, name).flatMap((value) => value.toLowerCase().split(","));
    return (value) => values.length === 0 || values.includes(value.toLowerCase());
  };
  const [isState, isType] = [wanted("state"), wanted("type")];
  await withCluster(argv, async (cluster) => {
    const groups = (await listGroups(cluster)).filter(({ state, type }) => isState(state) && isType(type));
    if (isSet(argv, "json")) {
      writeJson(
        io,
        groups.map(({ groupId, ...rest }) => ({ group: groupId, ...rest })),
      );
      return;
    }
    const rows = groups.map(({ groupId, type, state, protocolType }) => ({
      group: groupId,
      type: type.toLowerCase(),
      state,
      protocol: protocolType,
    }));
    writeTable(io, rows, "there are no groups");
  });
}

async function isShareGroup(cluster: ClusterClient, group: string): Promise<boolean> {
  return (await listGroups(cluster)).some(({ groupId, type }) => groupId === group && type.toLowerCase() === "share");
}

/** @throws CommandError some are only in part. */
function wholeTopics(group: string, topics: readonly string[]): readonly string[] {
  const inPart = topics.find((topic) => topic.includes(":"));
  if (inPart !== undefined)
    throw new CommandError(`${group} is a share group: ${inPart} can only be deleted as a whole`);
  return topics;
}

async function remove(argv: Arguments, io: CommandIo): Promise<void> {
  const groups = texts(argv, "group");
  const topics = texts(argv, "topic");
  const failed: string[] = [];
  const told: { group: string; outcome: string }[] = [];
  await withCluster(argv, async (cluster) => {
    if (topics.length === 0) {
      for (const [group, error] of await deleteGroups(cluster, groups)) {
        if (error === undefined) told.push({ group, outcome: "deleted" });
        else failed.push((inWords(error, group) as Error).message);
      }
      return;
    }
    const partitions = await partitionsNamed(cluster, topics);
    for (const group of groups) {
      try {
        const errors = (await isShareGroup(cluster, group))
          ? await deleteShareOffsets(cluster, group, wholeTopics(group, topics))
          : await deleteOffsets(cluster, group, partitions);
        for (const [partition, error] of errors)
          failed.push((inWords(error, `${group}, ${partition}`) as Error).message);
        if (errors.size < partitions.length) told.push({ group, outcome: "offsets deleted" });
      } catch (error) {
        throw inWords(error, group);
      }
    }
  });
  if (isSet(argv, "json")) writeJson(io, told);
  else
    for (const { group, outcome } of told)
      io.stdout.write(outcome === "deleted" ? `deleted ${group}\n` : `deleted offsets of ${group}\n`);
  if (failed.length > 0) throw new CommandError(failed.join("\nodradek: "));
}
