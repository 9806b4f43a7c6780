/**
 * The log: nothing is lost before pino is there; lines for people stay one line.
 */
import { describe, expect, it } from "vitest";
import { LateLogger } from "../../cli/late-logger.ts";
import { formatLogLine } from "../../cli/log-line.ts";

function loggerTo(isTerminal: boolean): { logger: LateLogger; written: string[] } {
  const written: string[] = [];
  return { logger: new LateLogger({ write: (text) => written.push(text), isTerminal, colours: false }), written };
}

describe("the log", () => {
  it("keeps lines until pino is loaded, in their order and with their times", async () => {
    const { logger, written } = loggerTo(false);
    const before = Date.now();
    logger.info({ a: 1 }, "first");
    logger.debug({}, "not asked for");
    logger.error({ err: new Error("broken") }, "second");
    expect(written).toEqual([]);
    await logger.open();
    logger.warn({ b: "x" }, "third");
    const lines = written.map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines).toMatchObject([
      { level: "info", a: 1, msg: "first" },
      { level: "error", err: { type: "Error", message: "broken" }, msg: "second" },
      { level: "warn", b: "x", msg: "third" },
    ]);
    expect(written.every((line) => line.endsWith("}\n"))).toBe(true);
    expect(lines[0]?.time).toBeGreaterThanOrEqual(before);
  });

  it("writes warnings that still wait when the process ends, and only them", () => {
    const { logger, written } = loggerTo(false);
    logger.info({}, "starting");
    logger.warn({ err: new TypeError("x") }, "odd");
    logger.flush();
    logger.flush();
    expect(written.map((line) => JSON.parse(line) as object)).toMatchObject([
      { level: "warn", err: { type: "TypeError", message: "x" }, msg: "odd" },
    ]);
  });

  it("follows its level", async () => {
    const { logger, written } = loggerTo(true);
    await logger.open();
    logger.setLevel("debug");
    logger.debug({ n: 1 }, "seen");
    logger.setLevel("error");
    logger.warn({}, "not seen");
    expect(written).toEqual([expect.stringMatching(/^\d\d:\d\d:\d\d\.\d{3} DEBUG seen {2}n=1\n$/)]);
  });
});

describe("a line for people", () => {
  const line = (fields: Record<string, unknown>, colours = false) =>
    formatLogLine({ time: 0, level: "info", msg: "hello", ...fields }, { colours });

  it("has time, level, message and fields", () => {
    expect(line({ a: 1, b: "x y", c: { d: [1] }, e: undefined })).toBe(
      '00:00:00.000 INFO  hello  a=1  b="x y"  c={"d":[1]}  e=undefined\n',
    );
    expect(line({}, true)).toBe("00:00:00.000 \u001b[36mINFO \u001b[0m hello\n");
  });

  it("cannot be broken or coloured by what stands in it", () => {
    const hostile = line({ clientId: "a\nERROR fake\u001b[2J\u009b", msg: "x\r\ny" });
    expect(hostile.split("\n")).toHaveLength(2);
    expect(hostile.slice(0, -1)).toMatch(/^[ -~]*$/);
  });

  it("is followed by the stack of an error", () => {
    const error = new Error("broken");
    error.stack = "Error: broken\n    at somewhere";
    expect(line({ err: error })).toBe("00:00:00.000 INFO  hello\n    Error: broken\n    at somewhere\n");
  });
});
