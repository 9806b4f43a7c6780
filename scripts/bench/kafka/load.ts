/**
 * The load: librdkafka's own tool for throughput, one raw connection with one request in flight for round trips.
 *
 * Owns: that every record of a load is accounted for: a run that lost one is no figure.
 */
import { connect, type Socket } from "node:net";
import type { Address } from "../../../broker/network/network.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { Produce } from "../../../protocol/messages/produce.ts";
import { requestHeaderVersion } from "../../../protocol/schema/api.ts";
import { encodeToBuffer } from "../../../protocol/schema/codec.ts";
import { framed, header } from "../../../test/broker/network/wire-client.ts";
import { batchOf } from "../../../test/support/batches.ts";
import { Program, runProgram } from "../../../test/support/programs.ts";
import { WireAsker } from "../../../test/support/wire-asker.ts";

/** A load that takes longer has stalled. */
const LOAD_TIMEOUT_MS = 180_000;
const PRODUCE_VERSION = 9;
const ROUND_TRIP_VALUE_BYTES = 100;
const ASK_AGAIN_MS = 2;
/** Apache Kafka takes 12 s after a kill. */
const SERVING_TIMEOUT_MS = 40_000;

export interface ProduceLoad {
  readonly valueBytes: number;
  readonly acks: number;
  /** librdkafka's configuration, besides. */
  readonly settings: Readonly<Record<string, string>>;
}

function produceArguments(bootstrap: string, topic: string, count: number, load: ProduceLoad): string[] {
  const settings = { "linger.ms": "5", "message.timeout.ms": String(LOAD_TIMEOUT_MS), ...load.settings };
  return [
    ...["-P", "-q", "-u", "-b", bootstrap, "-t", topic, "-s", String(load.valueBytes), "-c", String(count)],
    ...["-a", String(load.acks), ...Object.entries(settings).flatMap(([name, value]) => ["-X", `${name}=${value}`])],
  ];
}

/** Produces; gives MB of values per second. */
export async function produce(
  tool: string,
  bootstrap: string,
  topic: string,
  count: number,
  load: ProduceLoad,
): Promise<number> {
  // How the tool ends says whether two of its own counts agree, which they do not always: what counts is what was acknowledged.
  const program = new Program(tool, produceArguments(bootstrap, topic, count, load));
  let output = "";
  program.child.stdout?.on("data", (chunk: string) => {
    output += chunk;
  });
  await program.ended(LOAD_TIMEOUT_MS);
  const row = lastRow(output);
  if (row("dr") !== count || row("dr_err") !== 0) throw new Error(`not every record was acknowledged: ${output}`);
  return row("dr_MB/s");
}

/** Goes on producing until it is killed. */
export function produceForever(tool: string, bootstrap: string, topic: string, load: ProduceLoad): Program {
  const program = new Program(tool, produceArguments(bootstrap, topic, -1, load));
  program.child.stdout?.resume();
  return program;
}

/** Reads so many records of every partition together, from the beginning; gives MB of values per second. */
export async function consume(
  tool: string,
  bootstrap: string,
  topic: string,
  partitions: number,
  count: number,
): Promise<number> {
  const ofAll = Array.from({ length: partitions }, (_, partition) => ["-p", String(partition)]).flat();
  const args = ["-C", "-q", "-u", "-b", bootstrap, "-t", topic, ...ofAll, "-o", "beginning", "-c", String(count)];
  const row = lastRow(await runProgram(tool, args, { timeoutMs: LOAD_TIMEOUT_MS }));
  if (row("msgs") < count) throw new Error(`only ${row("msgs")} of ${count} records came`);
  return row("MB/s");
}

/** The last line of the tool's table, by the names of its columns. */
function lastRow(output: string): (column: string) => number {
  const cells = (line: string): string[] =>
    line
      .split("|")
      .map((cell) => cell.trim())
      .filter((cell) => cell !== "");
  const lines = output.split("\n").filter((line) => line.startsWith("|"));
  const names = cells(lines.find((line) => line.includes("elapsed")) ?? "");
  const values = cells(lines.filter((line) => !line.includes("elapsed")).at(-1) ?? "");
  return (column) => {
    const value = Number(values[names.indexOf(column)]);
    if (Number.isNaN(value)) throw new Error(`no ${column} in what the tool printed: ${output.slice(-500)}`);
    return value;
  };
}

export interface RoundTrips {
  readonly medianMicros: number;
  readonly p99Micros: number;
}

/** One acks=all Produce of one record after another. */
export function produceRoundTrips(address: Address, topic: string, count: number): Promise<RoundTrips> {
  const head = header(Produce.key, PRODUCE_VERSION, requestHeaderVersion(Produce, PRODUCE_VERSION), 1, "bench");
  const body = encodeToBuffer(Produce.request, PRODUCE_VERSION, oneRecord(topic));
  return roundTrips(address, framed(head, body), count);
}

/** Sends a frame and waits for one, again and again. */
export async function roundTrips({ host, port }: Address, request: Buffer, count: number): Promise<RoundTrips> {
  const socket = await new Promise<Socket>((resolve, reject) => {
    const made = connect({ host, port, noDelay: true }, () => resolve(made)).once("error", reject);
  });
  const micros = new Float64Array(count);
  await new Promise<void>((resolve, reject) => {
    let done = -Math.min(2000, count); // what comes first is for the compilers
    let sentMs = 0;
    let received = 0;
    let frameBytes = 0;
    const send = (): void => {
      received = 0;
      sentMs = performance.now();
      socket.write(request);
    };
    socket.on("error", reject);
    socket.on("close", () => reject(new Error("the broker closed the connection")));
    socket.on("data", (chunk) => {
      if (received === 0) frameBytes = chunk.readInt32BE(0) + 4;
      received += chunk.length;
      if (received < frameBytes) return;
      if (done >= 0) micros[done] = (performance.now() - sentMs) * 1000;
      if (++done === count) resolve();
      else send();
    });
    send();
  }).finally(() => socket.destroy());
  micros.sort();
  return {
    medianMicros: micros[Math.floor(count / 2)] as number,
    p99Micros: micros[Math.floor(count * 0.99)] as number,
  };
}

function oneRecord(topic: string) {
  const records = batchOf(["v".repeat(ROUND_TRIP_VALUE_BYTES)]);
  const topicData = [{ name: topic, partitionData: [{ index: 0, records }] }];
  return { transactionalId: null, acks: -1, timeoutMs: 10_000, topicData };
}

/** Seconds until a record sent to the topic is acknowledged; infinite when that does not happen. */
export async function secondsToServing(address: Address, topic: string): Promise<number> {
  const startedMs = performance.now();
  while (!(await acknowledges(address, topic))) {
    if (performance.now() > startedMs + SERVING_TIMEOUT_MS) return Number.POSITIVE_INFINITY;
    await new Promise((resolve) => setTimeout(resolve, ASK_AGAIN_MS));
  }
  return (performance.now() - startedMs) / 1000;
}

async function acknowledges(address: Address, topic: string): Promise<boolean> {
  try {
    using asker = await WireAsker.open(address);
    const { responses } = await asker.ask(Produce, PRODUCE_VERSION, oneRecord(topic));
    return responses[0]?.partitionResponses[0]?.errorCode === ErrorCode.NONE;
  } catch {
    return false; // nobody listens yet, or the connection ended instead of an answer
  }
}
