/**
 * What every command that talks to a cluster does around its own work: connects, closes, and says in a line what went wrong.
 */
import { RpcError } from "../../broker/network/rpc-error.ts";
import { ErrorCode, errorName } from "../../protocol/error-codes.ts";
import { KafkaError } from "../../protocol/kafka-error.ts";
import { parseAddresses } from "../client/addresses.ts";
import { ClusterClient } from "../client/cluster-client.ts";
import { CommandError } from "../command-error.ts";
import type { Arguments } from "../commands.ts";
import { text } from "./options.ts";

/** Runs `work` on the cluster that the options name. @throws CommandError for whatever the cluster refuses. */
export async function withCluster(argv: Arguments, work: (cluster: ClusterClient) => Promise<void>): Promise<void> {
  const cluster = new ClusterClient(parseAddresses(text(argv, "bootstrap") ?? ""));
  try {
    await work(cluster);
  } catch (error) {
    throw inWords(error);
  } finally {
    cluster.close();
  }
}

/** What a user can read; other errors, which are bugs, as they are. @param about what it happened to. */
export function inWords(error: unknown, about?: string): unknown {
  if (error instanceof RpcError) return new CommandError(withSubject(about, error.message), { cause: error });
  if (error instanceof KafkaError) return new CommandError(withSubject(about, kafkaWords(error)), { cause: error });
  return error;
}

function withSubject(about: string | undefined, words: string): string {
  return about === undefined ? words : `${about}: ${words}`;
}

const WORDS = new Map<number, string>([
  [ErrorCode.UNKNOWN_TOPIC_OR_PARTITION, "there is no such topic"],
  [ErrorCode.TOPIC_ALREADY_EXISTS, "there is such a topic already"],
  [ErrorCode.MESSAGE_TOO_LARGE, "a record is larger than the topic's max.message.bytes"],
  [ErrorCode.INVALID_TOPIC_EXCEPTION, "that is no name for a topic"],
  [ErrorCode.GROUP_ID_NOT_FOUND, "there is no such group"],
  [ErrorCode.NON_EMPTY_GROUP, "the group has members; stop them first"],
  [ErrorCode.GROUP_SUBSCRIBED_TO_TOPIC, "the group reads the topic; stop its members first"],
  [ErrorCode.UNKNOWN_MEMBER_ID, "the group has members; stop them first"],
  [ErrorCode.COORDINATOR_NOT_AVAILABLE, "no broker coordinates the group now"],
  [ErrorCode.LEADER_NOT_AVAILABLE, "no broker leads the partition now"],
  [ErrorCode.NOT_ENOUGH_REPLICAS, "fewer replicas are in sync than min.insync.replicas asks for"],
]);

/** A broker's own words, where it has some, with the code's name: that is what can be looked up. */
function kafkaWords(error: KafkaError): string {
  const name = errorName(error.code) ?? `error ${error.code}`;
  const said = error.message === name ? WORDS.get(error.code) : error.message;
  return said === undefined ? name : `${said.replace(/\.$/, "")} (${name})`;
}
