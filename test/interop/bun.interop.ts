/** Bun runs the package as Node.js does: the command serves clients, the library is imported and required. */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Consumer, Kafka, logLevel } from "kafkajs";
import { afterAll, beforeAll, expect, test } from "vitest";
import { builtPackage, type RunningCommand, removeBuiltPackage, startCommand } from "../support/odradek-command.ts";
import { runProgram } from "../support/programs.ts";
import { findBun } from "./support/bun.ts";
import { describeWith } from "./support/toolchain.ts";

describeWith("Bun", await findBun(), (bun) => {
  let directory: string;
  let command: RunningCommand;

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), "odradek-bun-"));
    const settings = ["--set", "group.initial.rebalance.delay.ms=0"];
    command = await startCommand(["start", "--port", "0", "--data-dir", directory, ...settings], {}, bun);
    await command.ready;
  });
  afterAll(async () => {
    command.process.kill("SIGKILL");
    await command.ended;
    rmSync(directory, { recursive: true, force: true });
    await removeBuiltPackage();
  });

  test("imports and requires the library", async () => {
    const folder = await builtPackage();
    const script = (load: string) => `${load}; console.log(library.ErrorCode.NONE)`;
    const imported = script(`const library = await import(${JSON.stringify(join(folder, "index.js"))})`);
    const required = script(`const library = require(${JSON.stringify(join(folder, "index.cjs"))})`);
    expect(await runProgram(bun, ["-e", imported])).toBe("0\n");
    expect(await runProgram(bun, ["-e", required])).toBe("0\n");
  });

  test("serves a client: a topic is created, produced to and read in a group", async () => {
    const kafka = new Kafka({ brokers: await command.ready, logLevel: logLevel.NOTHING });
    const topic = `t-${randomBytes(4).toString("hex")}`;
    const admin = kafka.admin();
    await admin.connect();
    await admin.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true });
    await admin.disconnect();
    const values = Array.from({ length: 50 }, (_, index) => `value ${index}`);
    const producer = kafka.producer();
    await producer.connect();
    await producer.send({ topic, acks: -1, messages: values.map((value) => ({ value })) });
    await producer.disconnect();
    expect((await readAll(kafka, topic, values.length)).sort()).toEqual(values.sort());
  });

  test("stops it cleanly", async () => {
    command.process.kill("SIGTERM");
    expect(await command.ended).toMatchObject({ exitCode: 0 });
  });
});

async function readAll(kafka: Kafka, topic: string, count: number): Promise<string[]> {
  const consumer: Consumer = kafka.consumer({ groupId: `g-${topic}` });
  const read: string[] = [];
  await consumer.connect();
  await consumer.subscribe({ topic, fromBeginning: true });
  await new Promise<void>((resolve, reject) => {
    consumer.on(consumer.events.CRASH, ({ payload }) => reject(payload.error));
    void consumer.run({
      eachMessage: async ({ message }) => {
        read.push(message.value?.toString() ?? "");
        if (read.length === count) resolve();
      },
    });
  });
  await consumer.disconnect();
  return read;
}
