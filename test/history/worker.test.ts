/** What a worker writes down of a client that goes elsewhere in the midst of transactions. */
import { expect, test } from "vitest";
import { SeededRandom } from "../support/seeded-random.ts";
import { checkHistory } from "./checker.ts";
import type { Operation, PolledValue } from "./history.ts";
import type { HistoryClient, Polled } from "./history-client.ts";
import { Worker } from "./worker.ts";

const KEYS = 2;
const POLLS_PER_JUMP = 7;
const BACK = 4;

/** Faultless, but that it goes back now and then, and says so once: what comes of the other keys comes with later polls. */
class JumpingClient implements HistoryClient {
  readonly subscribes = true;
  polls = 0;
  private readonly logs: number[][] = Array.from({ length: KEYS }, () => []);
  private positions: number[] = [];
  private open: [key: number, value: number][] = [];

  init(): Promise<void> {
    return this.begin();
  }

  begin(): Promise<void> {
    this.open = [];
    return Promise.resolve();
  }

  send(key: number, value: number): Promise<undefined> {
    this.open.push([key, value]);
    return Promise.resolve(undefined);
  }

  commit(): Promise<void> {
    for (const [key, value] of this.open) this.logs[key]?.push(value);
    return this.begin();
  }

  abort(): Promise<void> {
    return this.begin();
  }

  assign(): Promise<void> {
    this.positions = this.logs.map(() => 0);
    return Promise.resolve();
  }

  poll(): Promise<Polled> {
    const repositioned = ++this.polls % POLLS_PER_JUMP === 0;
    if (repositioned) this.positions = this.positions.map((position) => Math.max(0, position - BACK));
    const key = this.polls % KEYS;
    const from = this.positions[key] ?? 0;
    const values = (this.logs[key] ?? [])
      .slice(from)
      .map((value, i): PolledValue => ({ key, offset: from + i, value }));
    this.positions[key] = from + values.length;
    return Promise.resolve({ values, repositioned });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

test("polls of a transaction after a jump are not held against those before it", async () => {
  const client = new JumpingClient();
  const history: Operation[] = [];
  const counts = { sends: 0, polls: 0, commits: 0, aborts: 0, errors: 0 };
  let values = 0;
  let now = 0;
  const worker = new Worker({
    ...{ process: 0, client, random: new SeededRandom(1), keys: KEYS, counts },
    nextValue: () => ++values,
    nowMs: () => ++now,
    record: (operation) => {
      history.push(operation);
    },
  });
  await worker.run(() => counts.polls >= 1000);
  const { failures, allowed, seen } = checkHistory(history);
  expect(failures).toEqual([]);
  expect(allowed.filter(({ kind }) => kind !== "internal-send-skip" && kind !== "write-cycle")).toEqual([]);
  expect(seen.polled).toBeGreaterThan(1000);
});
