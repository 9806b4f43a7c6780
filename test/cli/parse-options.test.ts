/**
 * The quick parser reads what it knows as yargs would, and leaves the rest to it.
 */
import { describe, expect, it } from "vitest";
import { parseOptions } from "../../cli/parse-options.ts";
import { START_OPTIONS } from "../../cli/start-options.ts";

const parse = (...args: string[]) => parseOptions(args, START_OPTIONS);

describe("the quick parser", () => {
  it("reads both forms, values with = in them, and what is given several times", () => {
    expect(parse("--port", "1", "--set", "a=b=c", "--set=d=", "--data-dir=x y")).toEqual(
      new Map([
        ["port", ["1"]],
        ["set", ["a=b=c", "d="]],
        ["data-dir", ["x y"]],
      ]),
    );
    expect(parse()).toEqual(new Map());
  });

  it.each([
    [["--help"]],
    [["-h"]],
    [["--port"]],
    [["--port", "--nodes", "1"]],
    [["--port", "1", "--port", "2"]],
    [["--prot", "1"]],
    [["--__proto__", "1"]],
    [["--constructor", "1"]],
    [["port", "1"]],
    [["--", "--port", "1"]],
    [["--Port", "1"]],
  ])("leaves %j to yargs", (args) => {
    expect(parse(...args)).toBeUndefined();
  });
});
