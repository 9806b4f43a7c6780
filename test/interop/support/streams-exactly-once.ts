/**
 * What the output of a Streams application says about exactly-once, under either group protocol.
 */
import { expect, test } from "vitest";
import type { ApacheKafka } from "./apache-kafka.ts";
import { type GroupProtocol, PER_ROUND, ROUNDS, runApplication } from "./streams-application.ts";

const TEST_MS = 280_000;
const WORDS = ["red", "green", "blue", "cyan", "pink"];

/** @param scenarios what the names of the tests begin with. */
export function testExactlyOnce(kafka: ApacheKafka, protocol: GroupProtocol, scenarios: string): void {
  test(
    `${scenarios}: a word count grows by one with each word, and ends with what was written`,
    async () => {
      const line = (i: number) => [0, 1, 2].map((at) => WORDS[(i * (at + 1) + at) % WORDS.length]).join(" ");
      const { sent, output } = await runApplication(kafka, protocol, "words", line, 3 * ROUNDS * PER_ROUND);
      const counts = new Map<string, number>();
      for (const { value } of sent) for (const word of value.split(" ")) counts.set(word, (counts.get(word) ?? 0) + 1);
      for (const [word, count] of counts) {
        const seen = output.flat().filter(({ key }) => key === word);
        expect([word, seen.map(({ value }) => Number(value))]).toEqual([
          word,
          Array.from({ length: count }, (_, i) => i + 1),
        ]);
      }
    },
    TEST_MS,
  );

  test(
    `${scenarios}, V12: a copy through a state store: each record once, in order, numbered without a gap`,
    async () => {
      const { sent, output } = await runApplication(kafka, protocol, "copy", (i) => `v${i}`, ROUNDS * PER_ROUND);
      for (const key of new Set(sent.map((record) => record.key))) {
        const expected = sent.filter((record) => record.key === key).map(({ value }, number) => `${value}#${number}`);
        const seen = output.flat().filter((record) => record.key === key);
        expect(seen.map(({ value }) => value)).toEqual(expected);
      }
    },
    TEST_MS,
  );
}
