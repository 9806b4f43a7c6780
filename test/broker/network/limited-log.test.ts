import { describe, expect, test } from "vitest";
import { LimitedLog } from "../../../broker/network/limited-log.ts";
import type { LogFields } from "../../../storage/logger.ts";
import { ManualClock } from "./manual-clock.ts";

function collect(): { lines: [string, LogFields][]; log: LimitedLog; clock: ManualClock } {
  const lines: [string, LogFields][] = [];
  const take = (fields: LogFields, message: string): void => {
    lines.push([message, fields]);
  };
  const clock = new ManualClock();
  return { lines, clock, log: new LimitedLog({ debug: take, info: take, warn: take, error: take }, clock) };
}

describe("a log of what peers cause", () => {
  test("ten lines of a kind in ten seconds, then a count", async () => {
    const { lines, clock, log } = collect();
    for (let i = 0; i < 1000; i++) log.warn({ i }, "strange");
    log.error({}, "another kind");
    expect(lines.length).toBe(11);
    await clock.advance(10_000);
    log.warn({ i: 1000 }, "strange");
    expect(lines.at(-1)).toEqual(["strange", { i: 1000, suppressed: 990 }]);
    log.warn({ i: 1001 }, "strange");
    expect(lines.at(-1)).toEqual(["strange", { i: 1001 }]);
  });

  test("long texts are cut", () => {
    const { lines, log } = collect();
    log.info({ text: "x".repeat(10_000), number: 5 }, "long");
    expect(lines).toEqual([["long", { text: `${"x".repeat(200)}…`, number: 5 }]]);
  });
});
