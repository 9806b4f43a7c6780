/**
 * Which topics the members of a consumer group read, from the blobs they hand each other.
 *
 * Owns: that no blob, however malformed, does harm: it makes the topics unknown, nothing else (KAFKA-20570).
 */
import { DecodeError } from "../../../protocol/bytes/decode-error.ts";
import { Reader } from "../../../protocol/bytes/reader.ts";
import { ConsumerProtocolSubscription } from "../../../protocol/messages/consumer-protocol.ts";
import { decode } from "../../../protocol/schema/codec.ts";

/** Every version begins as version 0 does. */
const COMMON_VERSION = 0;

/** The topics of all subscriptions together; null when one of them cannot be read. */
export function subscribedTopics(subscriptions: Iterable<Buffer>): ReadonlySet<string> | null {
  const topics = new Set<string>();
  try {
    for (const subscription of subscriptions) {
      const reader = new Reader(subscription);
      reader.int16(); // the version
      for (const topic of decode(ConsumerProtocolSubscription, COMMON_VERSION, reader).topics) topics.add(topic);
    }
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return null;
  }
  return topics;
}
