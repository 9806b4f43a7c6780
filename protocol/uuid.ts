/**
 * Kafka's uuids in their text form: 22 characters of URL-safe base64 without padding.
 *
 * Those whose high half is zero and whose low half is below 100 are reserved; directory ids have meanings of their own
 * (KIP-858).
 */
export const ZERO_UUID = "AAAAAAAAAAAAAAAAAAAAAA";
/** (0, 1): the topic id of __cluster_metadata. */
export const METADATA_TOPIC_ID = "AAAAAAAAAAAAAAAAAAAAAQ";

export const DirectoryId = {
  /** Being moved from ZooKeeper; never written by us. */
  MIGRATING: "AAAAAAAAAAAAAAAAAAAAAA",
  UNASSIGNED: "AAAAAAAAAAAAAAAAAAAAAQ",
  LOST: "AAAAAAAAAAAAAAAAAAAAAg",
} as const;

/** 16 random bytes to a version 4 uuid, as Java's UUID.randomUUID makes them; undefined when reserved or starting with "-". */
export function uuidFromRandomBytes(bytes: Buffer): string | undefined {
  const uuid = Buffer.from(bytes.subarray(0, 16));
  uuid[6] = ((uuid[6] as number) & 0x0f) | 0x40;
  uuid[8] = ((uuid[8] as number) & 0x3f) | 0x80;
  const text = uuid.toString("base64url");
  return text.startsWith("-") ? undefined : text;
}

/** Whether a text is a uuid in Kafka's form. */
export function isUuid(text: string): boolean {
  return /^[A-Za-z0-9_-]{21}[AQgw]$/.test(text);
}
