/**
 * The proof of the schemas: our messages against Apache Kafka's generated classes, at every version, both ways.
 *
 * Random messages go to a Java program as our bytes and as JSON; Kafka's classes must write both as the same bytes, and read
 * our bytes as the values they were made from.
 */
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Reader } from "../../../protocol/bytes/reader.ts";
import { decode, encodeToBuffer } from "../../../protocol/schema/codec.ts";
import { type Encode, isFlexible, type Message } from "../../../protocol/schema/message.ts";
import { allMessages, versionsOf } from "../../support/all-messages.ts";
import type { Program } from "../../support/programs.ts";
import { randomMessage, type Struct } from "../../support/random-message.ts";
import { SeededRandom, seedOf } from "../../support/seeded-random.ts";
import { findApacheKafka } from "../support/apache-kafka.ts";
import { describeWith } from "../support/toolchain.ts";
import { fromKafkaJson, toKafkaJson } from "./kafka-json.ts";

const MESSAGES_PER_VERSION = 20;
/** Besides, with tagged fields that no schema names: Kafka keeps them, its JSON does not. */
const WITH_UNKNOWN_TAGS = 5;
const JAVA_PROGRAM = fileURLToPath(new URL("KafkaMessages.java", import.meta.url));

const messages = await allMessages();

describeWith("Apache Kafka's generated classes", await findApacheKafka(), (kafka) => {
  let program: Program;
  const waiting: ((line: string) => void)[] = [];

  beforeAll(() => {
    program = kafka.start(JAVA_PROGRAM, []);
    program.onLine((line) => waiting.shift()?.(line));
    program.child.on("close", () => {
      for (const answer of waiting.splice(0)) answer(`error\tended: ${program.errors}`);
    });
  });
  afterAll(async () => {
    program.child.stdin?.end();
    expect(await program.ended(10_000), program.errors).toBe(0);
  });

  /** What Kafka makes of a message: its bytes from ours, its bytes from JSON, its JSON from our bytes. */
  async function ask(message: Message, version: number, bytes: Buffer, json: string): Promise<string[]> {
    const answer = new Promise<string>((resolve) => waiting.push(resolve));
    program.child.stdin?.write(`${message.name} ${version} ${bytes.toString("hex")} ${json}\n`);
    return (await answer).split("\t");
  }

  test.each(messages.map((message) => [message.name, message] as const))("%s", async (name, message) => {
    await Promise.all(
      versionsOf(message).flatMap((version) => {
        const random = new SeededRandom(seedOf(`${name} ${version}`));
        return Array.from({ length: MESSAGES_PER_VERSION }, async (_, i) => {
          const bytes = encodeAny(message, version, randomMessage(message, version, random, noUnknownTags));
          const value = decode(message, version, new Reader(bytes)) as Struct;
          const [hex, fromJson, json] = await ask(message, version, bytes, toKafkaJson(message, version, value));
          const where = `${name} ${version} #${i}: ${json}`;
          expect(hex, where).toBe(bytes.toString("hex"));
          expect(fromJson, where).toBe(bytes.toString("hex"));
          expect(fromKafkaJson(message, version, json as string), where).toEqual(withoutRecords(value));
        });
      }),
    );
  });

  const flexible = messages.filter((message) => isFlexible(message, message.validVersions.max));
  test.each(flexible.map((message) => [message.name, message] as const))(
    "%s keeps unknown tags",
    async (name, message) => {
      const version = message.validVersions.max;
      const random = new SeededRandom(seedOf(`${name} unknown`));
      for (let i = 0; i < WITH_UNKNOWN_TAGS; i++) {
        const value = randomMessage(message, version, random);
        value.unknownTaggedFields ??= [{ tag: 4000 + i, data: random.bytes(i) }];
        const bytes = encodeAny(message, version, value);
        const [hex] = await ask(message, version, bytes, "-");
        expect(hex, `${name} ${version} #${i}`).toBe(bytes.toString("hex"));
      }
    },
  );
});

const noUnknownTags = { unknownTaggedFields: false };
const encodeAny = (message: Message, version: number, value: Struct): Buffer =>
  encodeToBuffer(message, version, value as Encode<Message>);
const NO_BYTES = Buffer.alloc(0);
const RECORDS = new Set(["records", "unalignedRecords"]);

/** The value as Kafka's JSON can tell it: every field but the bytes of records. */
function withoutRecords(value: Struct): Struct {
  return Object.fromEntries(
    Object.entries(value).map(([name, field]) => [name, RECORDS.has(name) && field !== null ? NO_BYTES : inner(field)]),
  );
}

function inner(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(inner);
  if (typeof value === "object" && value !== null && !Buffer.isBuffer(value)) return withoutRecords(value as Struct);
  return value;
}
