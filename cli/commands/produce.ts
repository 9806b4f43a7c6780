/**
 * `odradek produce`: lines of standard input or of files as records, or whole files.
 *
 * Owns: options, and what a line means. Leaves partitions, batches and retries to client/producer.ts.
 */
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import type { Readable } from "node:stream";
import { CODEC_NAMES, type Codec, codecOfName } from "../../protocol/records/codec.ts";
import { DEFAULT_PATIENCE_MS } from "../client/patience.ts";
import { type OutgoingRecord, Producer, type WrittenRecord } from "../client/producer.ts";
import { CommandError } from "../command-error.ts";
import type { CommandIo } from "../command-io.ts";
import type { Arguments, CommandModule } from "../commands.ts";
import { inputLines } from "../input-lines.ts";
import { flag, isSet, pairs, text, texts, valued, wholeNumber, withCommonOptions } from "./options.ts";
import { noPartition } from "./partitions-named.ts";
import { counted } from "./topics-describe.ts";
import { inWords, withCluster } from "./with-cluster.ts";

const ACKS = new Map<string, -1 | 0 | 1>([
  ["all", -1],
  ["-1", -1],
  ["0", 0],
  ["1", 1],
]);

export const produceCommand: CommandModule = {
  positionals: "<topic> [file..]",
  build: (command) =>
    withCommonOptions(
      command.positional("topic", { type: "string", description: "Name of the topic" }).positional("file", {
        type: "string",
        array: true,
        description: "Files to read; standard input when left out",
      }),
    )
      .usage("Usage: $0 produce <topic> [file..] [options]\n\nWrites each line as a record. Ends when its input does.")
      .option("key", valued("KEY", "The key of every record", { alias: "k" }))
      .option("key-separator", valued("TEXT", "Lines are KEY TEXT VALUE; \\t stands for a tab", { alias: "K" }))
      .option("header", valued("KEY=VALUE", "A header of every record, as often as needed", { alias: "H" }))
      .option(
        "partition",
        valued("N", "The partition of every record; by its key, or in turn, when left out", { alias: "p" }),
      )
      .option(
        "tombstone",
        valued("TEXT", "A value that is exactly this is none: the record deletes its key from a compacted topic"),
      )
      .option("whole", flag("Each file, or all of standard input, is one record"))
      .option("compression", valued("CODEC", CODEC_NAMES.join(", "), { alias: "z", default: "none" }))
      .option(
        "acks",
        valued("N", "Who has to have a record before it counts as written: all, 1 (the leader) or 0 (nobody)", {
          default: "all",
        }),
      )
      .example("echo hello | $0 produce greetings", "")
      .example("$0 produce orders orders.txt --key-separator : --compression zstd", "")
      .example("echo user-7 | $0 produce users --key-separator : --tombstone ''", ""),
  run: produce,
};

async function produce(argv: Arguments, io: CommandIo): Promise<void> {
  const [topic] = texts(argv, "topic") as [string];
  const recordOf = recordReader(argv);
  const options = { acks: acksOf(argv), compression: codecOf(argv), patienceMs: DEFAULT_PATIENCE_MS };
  const asJson = isSet(argv, "json");
  const partition = wholeNumber(argv, "partition", 0);
  let count = 0;
  const written = (record: WrittenRecord): void => {
    count++;
    if (asJson) io.stdout.write(`${JSON.stringify({ topic, ...record })}\n`);
  };
  await withCluster(argv, async (cluster) => {
    try {
      const producer = await Producer.open(cluster, topic, options, written);
      if (partition !== undefined && partition >= producer.partitions) {
        throw noPartition(topic, partition, producer.partitions);
      }
      await writeAll(producer, argv, io, recordOf);
    } catch (error) {
      const told = inWords(error, topic);
      if (!(told instanceof CommandError) || count === 0) throw told;
      throw new CommandError(`${told.message}; ${counted(count, "record")} had been written`, { cause: error });
    }
  });
  if (!asJson) io.stderr.write(`${counted(count, "record")} written to ${topic}\n`);
}

async function writeAll(
  producer: Producer,
  argv: Arguments,
  io: CommandIo,
  recordOf: (line: Buffer) => OutgoingRecord,
): Promise<void> {
  const files = texts(argv, "file");
  if (files.length === 0 && io.stdin.isTTY === true) io.stderr.write("Each line is a record; Ctrl-D ends.\n");
  try {
    for (const file of files.length === 0 ? [undefined] : files) {
      if (isSet(argv, "whole")) await producer.send(recordOf(await wholeOf(file, io)));
      else for await (const line of linesOf(file, io)) await producer.send(recordOf(line));
    }
  } finally {
    // What was read before something went wrong is written all the same.
    await producer.flush();
  }
}

/** A line, or a whole input, as the record it stands for. @throws CommandError */
function recordReader(argv: Arguments): (input: Buffer) => OutgoingRecord {
  const separator = text(argv, "key-separator")?.replaceAll("\\t", "\t");
  const fixedKey = text(argv, "key");
  const tombstone = text(argv, "tombstone");
  if (separator !== undefined && fixedKey !== undefined)
    throw new CommandError("either --key or --key-separator, not both");
  if (separator === "") throw new CommandError("--key-separator needs a text");
  const headers = pairs(argv, "header").map(([key, value]) => ({ key, value: Buffer.from(value) }));
  const partition = wholeNumber(argv, "partition", 0);
  return (input) => {
    const [key, value] =
      separator === undefined
        ? [fixedKey === undefined ? null : Buffer.from(fixedKey), input]
        : splitKey(input, separator, tombstone);
    const isTombstone = tombstone !== undefined && value.equals(Buffer.from(tombstone));
    return { key, value: isTombstone ? null : value, headers, partition };
  };
}

function splitKey(input: Buffer, separator: string, tombstone: string | undefined): [Buffer, Buffer] {
  const at = input.indexOf(separator);
  if (at >= 0) return [input.subarray(0, at), input.subarray(at + Buffer.byteLength(separator))];
  // A key alone is a key to delete, where an empty value stands for none.
  if (tombstone === "") return [input, Buffer.alloc(0)];
  throw new CommandError(`no ${JSON.stringify(separator)} in ${JSON.stringify(input.toString().slice(0, 80))}`);
}

async function wholeOf(file: string | undefined, io: CommandIo): Promise<Buffer> {
  if (file !== undefined) return readFile(file).catch((error: unknown) => Promise.reject(unreadable(file, error)));
  const chunks: Buffer[] = [];
  for await (const chunk of io.stdin) chunks.push(Buffer.from(chunk as Buffer));
  return Buffer.concat(chunks);
}

async function* linesOf(file: string | undefined, io: CommandIo): AsyncGenerator<Buffer> {
  const input: Readable = file === undefined ? io.stdin : createReadStream(file);
  try {
    yield* inputLines(input);
  } catch (error) {
    throw error instanceof CommandError ? error : unreadable(file, error);
  }
}

function unreadable(file: string | undefined, error: unknown): CommandError {
  const { code, message } = error as NodeJS.ErrnoException;
  const why = code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a folder" : message;
  return new CommandError(`${file ?? "standard input"} cannot be read: ${why}`, { cause: error });
}

function acksOf(argv: Arguments): -1 | 0 | 1 {
  const value = text(argv, "acks") ?? "all";
  const acks = ACKS.get(value);
  if (acks === undefined) throw new CommandError(`--acks needs all, 1 or 0, not ${JSON.stringify(value)}`);
  return acks;
}

function codecOf(argv: Arguments): Codec {
  const value = text(argv, "compression") ?? "none";
  const codec = codecOfName(value);
  if (codec === undefined) {
    throw new CommandError(`--compression needs one of ${CODEC_NAMES.join(", ")}, not ${JSON.stringify(value)}`);
  }
  return codec;
}
