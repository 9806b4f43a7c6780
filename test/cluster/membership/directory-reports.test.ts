/** What the controller is told of directories, and when it is asked no more. */
import { beforeEach, expect, test } from "vitest";
import type { ControllerChannel } from "../../../cluster/membership/controller-channel.ts";
import { DirectoryReports } from "../../../cluster/membership/directory-reports.ts";
import { ErrorCode } from "../../../protocol/error-codes.ts";
import { KafkaError } from "../../../protocol/kafka-error.ts";
import { ManualClock } from "../../support/manual-clock.ts";

interface Sent {
  readonly directoryId: string;
  readonly partition: number;
}

let clock: ManualClock;
let sent: Sent[];
let answer: (directories: unknown) => unknown;
let reports: DirectoryReports;

beforeEach(() => {
  clock = new ManualClock();
  sent = [];
  answer = refusing(ErrorCode.NONE);
  const channel = {
    send: async (_api: unknown, _version: number, { directories }: { directories: Directories }) => {
      for (const { id, topics } of directories) {
        for (const { partitions } of topics) {
          for (const { partitionIndex } of partitions) sent.push({ directoryId: id, partition: partitionIndex });
        }
      }
      return answer(directories);
    },
    close: () => {},
  } as unknown as ControllerChannel;
  reports = new DirectoryReports(
    channel,
    clock,
    () => ({ brokerId: 1, brokerEpoch: 1 }),
    () => "here",
  );
});

type Directories = { id: string; topics: { topicId: string; partitions: { partitionIndex: number }[] }[] }[];

const refusing = (errorCode: ErrorCode) => (directories: unknown) => ({
  errorCode: ErrorCode.NONE,
  directories: (directories as Directories).map(({ id, topics }) => ({
    id,
    topics: topics.map(({ topicId, partitions }) => ({
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  })),
});

/** Lets what was sent be answered, and time pass for what is tried again. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await Promise.resolve();
  clock.advance(1000);
  for (let i = 0; i < 20; i++) await Promise.resolve();
}

test("what is refused for a while is told again", async () => {
  answer = () => ({ errorCode: ErrorCode.NOT_CONTROLLER, directories: [] });
  reports.report("t", 0, "d");
  await settle();
  answer = refusing(ErrorCode.NONE);
  await settle();
  await settle();
  expect(sent.length).toBeGreaterThanOrEqual(2);
  const { length } = sent;
  await settle();
  expect(sent).toHaveLength(length);
});

test.each([
  ["an answer", () => ({ errorCode: ErrorCode.UNSUPPORTED_VERSION, directories: [] })],
  ["the channel", () => Promise.reject(new KafkaError(ErrorCode.UNSUPPORTED_VERSION))],
])("a controller that knows of no directories, says %s, is told once, and no move waits for it", async (_who, says) => {
  answer = says;
  reports.report("t", 0, "d");
  await settle();
  expect(sent).toEqual([{ directoryId: "d", partition: 0 }]);
  const announced = reports.announce("t", 1, "e");
  await settle();
  expect([await announced, sent.length]).toEqual([true, 2]);
});

test("R214: a replica is announced where it will be, and told of anew where it stays", async () => {
  const announced = reports.announce("t", 0, "there");
  await settle();
  expect(await announced).toBe(true);
  reports.stays("t", 0);
  reports.stays("t", 1);
  await settle();
  expect(sent).toEqual([
    { directoryId: "there", partition: 0 },
    { directoryId: "here", partition: 0 },
  ]);
});

test("R214: a replica that may not be there is not announced with success", async () => {
  answer = refusing(ErrorCode.UNKNOWN_TOPIC_ID);
  const announced = reports.announce("t", 0, "there");
  await settle();
  expect(await announced).toBe(false);
});

test("R214: what is announced stays so when its partition changes meanwhile, as long as nobody is told", async () => {
  answer = () => ({ errorCode: ErrorCode.NOT_CONTROLLER, directories: [] });
  const announced = reports.announce("t", 0, "there");
  await Promise.resolve();
  // The metadata has it elsewhere still: while the first request is under way, and while the next one is put off.
  reports.report("t", 0, "there");
  await settle();
  reports.report("t", 0, "there");
  answer = refusing(ErrorCode.NONE);
  await settle();
  await settle();
  expect(await announced).toBe(true);
});
