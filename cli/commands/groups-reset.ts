/**
 * `odradek groups reset`: sets what a group has committed, within what there is to read.
 */
import { ErrorCode } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import type { ClusterClient } from "../client/cluster-client.ts";
import { describeGroup, type GroupDescription } from "../client/group-admin.ts";
import { commitOffsets, committedOffsets } from "../client/group-offsets.ts";
import { EARLIEST, LATEST, offsetsAt, partitionKey, type TopicPartition } from "../client/offset-lookup.ts";
import { alterShareOffsets, shareOffsets } from "../client/share-offsets.ts";
import { CommandError } from "../command-error.ts";
import type { CommandIo } from "../command-io.ts";
import type { Arguments } from "../commands.ts";
import { writeJson, writeTable } from "../output/results.ts";
import { isSet, texts, time, wholeNumber } from "./options.ts";
import { partitionsNamed } from "./partitions-named.ts";
import { counted } from "./topics-describe.ts";
import { inWords } from "./with-cluster.ts";

/** Where to, each as one of the options says it. */
const WAYS = ["to-earliest", "to-latest", "to-offset", "to-time", "shift-by"] as const;
type Way = (typeof WAYS)[number];

interface Move extends TopicPartition {
  readonly from: number | null;
  readonly to: number;
}

export async function resetGroup(cluster: ClusterClient, argv: Arguments, io: CommandIo): Promise<void> {
  const [group] = texts(argv, "group") as [string];
  const given = WAYS.filter((way) => argv[way] !== undefined && argv[way] !== false);
  const [way] = given;
  if (way === undefined || given.length > 1) {
    throw new CommandError(`one of ${WAYS.map((one) => `--${one}`).join(", ")} has to say where to`);
  }
  const offsets = offsetsOf(await typeOfEmpty(cluster, group));
  const committed = new Map((await offsets.read(cluster, group)).map((one) => [partitionKey(one), one] as const));
  const topics = texts(argv, "topic");
  const partitions = await partitionsNamed(cluster, topics.length > 0 ? topics : topicsOf([...committed.values()]));
  if (partitions.length === 0) {
    throw new CommandError(`${group} has committed nothing yet; --topic says what it shall read`);
  }
  const moves = await planned(cluster, argv, way, partitions, (key) => committed.get(key)?.offset ?? null);
  if (!isSet(argv, "dry-run")) {
    const [refused] = await offsets.set(
      cluster,
      group,
      moves.map(({ to, ...one }) => ({ ...one, offset: to })),
    );
    if (refused !== undefined) throw inWords(refused[1], `${group}, ${refused[0]}`);
  }
  if (isSet(argv, "json")) writeJson(io, moves);
  else
    writeTable(
      io,
      moves.map(({ topic, partition, from, to }) => ({ topic, partition, from, to })),
      "",
    );
}

/** How offsets of a group are read and set: those it has committed, or those where it starts. */
function offsetsOf(type: GroupDescription["type"]) {
  if (type !== "share") {
    return {
      read: (cluster: ClusterClient, group: string) => committedOffsets(cluster, group, null),
      set: commitOffsets,
    };
  }
  return {
    read: async (cluster: ClusterClient, group: string) =>
      (await shareOffsets(cluster, group)).flatMap(({ startOffset, ...one }) =>
        startOffset === null ? [] : [{ ...one, offset: startOffset }],
      ),
    set: alterShareOffsets,
  };
}

/** A group that is not there yet will be, of consumers. @throws CommandError somebody is in it. */
async function typeOfEmpty(cluster: ClusterClient, group: string): Promise<GroupDescription["type"]> {
  try {
    const { type, members } = await describeGroup(cluster, group);
    if (members.length === 0) return type;
    throw new CommandError(`${group} has ${counted(members.length, "member")}; stop them first`);
  } catch (error) {
    if (error instanceof KafkaError && error.code === ErrorCode.GROUP_ID_NOT_FOUND) return "consumer";
    throw inWords(error, group);
  }
}

function topicsOf(partitions: readonly TopicPartition[]): string[] {
  return [...new Set(partitions.map(({ topic }) => topic))];
}

async function planned(
  cluster: ClusterClient,
  argv: Arguments,
  way: Way,
  partitions: readonly TopicPartition[],
  committedAt: (key: string) => number | null,
): Promise<Move[]> {
  const wanted = await wantedOffsets(cluster, argv, way, partitions, committedAt);
  const [starts, ends] = await Promise.all([
    offsetsAt(cluster, partitions, EARLIEST),
    offsetsAt(cluster, partitions, LATEST),
  ]);
  return partitions.map(({ topic, partition }) => {
    const key = partitionKey({ topic, partition });
    const within = Math.max(starts.get(key) ?? 0, Math.min(wanted(key), ends.get(key) ?? 0));
    return { topic, partition, from: committedAt(key), to: within };
  });
}

async function wantedOffsets(
  cluster: ClusterClient,
  argv: Arguments,
  way: Way,
  partitions: readonly TopicPartition[],
  committedAt: (key: string) => number | null,
): Promise<(key: string) => number> {
  switch (way) {
    case "to-earliest":
      return () => 0;
    case "to-latest":
      return () => Number.MAX_SAFE_INTEGER;
    case "to-offset": {
      const offset = wholeNumber(argv, way, 0) as number;
      return () => offset;
    }
    case "to-time": {
      const found = await offsetsAt(cluster, partitions, time(argv, way, Date.now()) as number);
      return (key) => found.get(key) as number;
    }
    case "shift-by": {
      const by = wholeNumber(argv, way, Number.MIN_SAFE_INTEGER) as number;
      const without = partitions.find((one) => committedAt(partitionKey(one)) === null);
      if (without !== undefined) {
        throw new CommandError(`nothing is committed of ${partitionKey(without)}: there is nothing to shift`);
      }
      return (key) => (committedAt(key) as number) + by;
    }
  }
}
