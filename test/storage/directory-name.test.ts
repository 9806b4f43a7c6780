import { expect, test } from "vitest";
import { parseDirectoryName, partitionDirectoryName, suffixedDirectoryName } from "../../storage/directory-name.ts";

const id = "0123456789abcdef0123456789abcdef";

test("B94: only names of logs are taken for logs", () => {
  const current = (topic: string, partition: number) => ({ topic, partition, state: "current" });
  expect(parseDirectoryName("t-0")).toEqual(current("t", 0));
  expect(parseDirectoryName("a-b-0")).toEqual(current("a-b", 0));
  expect(parseDirectoryName("a.b_c-12")).toEqual(current("a.b_c", 12));
  expect(parseDirectoryName("x--1")).toEqual(current("x-", 1));
  expect(parseDirectoryName("foo.bar-delete-0")).toEqual(current("foo.bar-delete", 0));
  const odd = [
    "",
    "t",
    "-0",
    "t-",
    "x-00",
    "x-01",
    "x-1e3",
    "x-2147483648",
    "lost+found",
    "t 0-1",
    "..-0",
    ".-0",
    "ä-0",
  ];
  odd.push("remote-log-index-cache", ".lock", "t-0.tmp", `t.${id}-delete`, `${"t".repeat(250)}-0`);
  for (const name of odd) expect([name, parseDirectoryName(name)]).toEqual([name, undefined]);
});

test("names with a suffix are Kafka's, and are understood", () => {
  const name = suffixedDirectoryName("a-b", 3, "delete", id);
  expect(name).toBe(`a-b-3.${id}-delete`);
  expect(parseDirectoryName(name)).toEqual({ topic: "a-b", partition: 3, state: "delete" });
  for (const state of ["stray", "future"] as const) {
    expect(parseDirectoryName(suffixedDirectoryName("t", 0, state, id))).toEqual({ topic: "t", partition: 0, state });
  }
});

test("a long topic name is cut so that the directory's fits", () => {
  const topic = "t".repeat(249);
  expect(partitionDirectoryName(topic, 12345).length).toBe(255);
  const name = suffixedDirectoryName(topic, 12345, "delete", id);
  expect(name.length).toBe(255);
  expect(parseDirectoryName(name)?.partition).toBe(12345);
});
