/**
 * Values of configs are read and shown as Java's ConfigDef reads and shows them.
 */
import { describe, expect, it } from "vitest";
import {
  ConfigError,
  type ConfigType,
  formatText,
  formatValue,
  parseValue,
} from "../../../broker/config/config-value.ts";
import {
  connectionOverrides,
  hostAndPortList,
  offsetResetStrategy,
  quorumVoters,
} from "../../../broker/config/valid.ts";

const accepted: readonly (readonly [ConfigType, string, unknown, string])[] = [
  ["BOOLEAN", " TRUE\t", true, "true"],
  ["BOOLEAN", "False", false, "false"],
  ["INT", " +007 ", 7, "7"],
  ["INT", "-2147483648", -2147483648, "-2147483648"],
  ["SHORT", "32767", 32767, "32767"],
  ["LONG", "9223372036854775807", Number.MAX_SAFE_INTEGER, "9223372036854775807"],
  ["LONG", "9007199254740993", Number.MAX_SAFE_INTEGER, "9007199254740993"],
  ["LONG", "-9223372036854775808", Number.MIN_SAFE_INTEGER, "-9223372036854775808"],
  ["DOUBLE", ".5", 0.5, "0.5"],
  ["DOUBLE", "1", 1, "1.0"],
  ["DOUBLE", "1e7", 1e7, "1.0E7"],
  ["DOUBLE", "12345678.5d", 12345678.5, "1.23456785E7"],
  ["DOUBLE", "0.0001", 0.0001, "1.0E-4"],
  ["DOUBLE", "0.001f", 0.001, "0.001"],
  ["DOUBLE", "-0", -0, "0.0"],
  ["DOUBLE", "1.7976931348623157E308", Number.MAX_VALUE, "1.7976931348623157E308"],
  ["DOUBLE", "Infinity", Number.POSITIVE_INFINITY, "Infinity"],
  ["LIST", " a ,b\t, c ", ["a", "b", "c"], "a,b,c"],
  ["LIST", "  ", [], ""],
  ["LIST", "a,,", ["a", "", ""], "a,,"],
  ["STRING", "  a b\n", "a b", "a b"],
  // Java's trim() knows ASCII only.
  ["STRING", "\u00a0a", "\u00a0a", "\u00a0a"],
  ["PASSWORD", " p ", "p", "p"],
];

describe("values", () => {
  it.each(accepted)("%s %j is %j, shown as %j", (type, text, value, shown) => {
    expect(parseValue("n", type, text)).toEqual(value);
    expect(formatText(type, text)).toBe(shown);
  });

  it.each([
    ["BOOLEAN", "yes", "Expected value to be either true or false"],
    ["BOOLEAN", "", "Expected value to be either true or false"],
    ["INT", "2147483648", "Not a number of type INT"],
    ["SHORT", "-32769", "Not a number of type SHORT"],
    ["LONG", "9223372036854775808", "Not a number of type LONG"],
    ["INT", "1.0", "Not a number of type INT"],
    ["INT", "0x10", "Not a number of type INT"],
    ["INT", "1 0", "Not a number of type INT"],
    ["INT", "", "Not a number of type INT"],
    ["DOUBLE", "1,5", "Not a number of type DOUBLE"],
    ["DOUBLE", ".", "Not a number of type DOUBLE"],
  ] as const)("%s %j is refused", (type, text, reason) => {
    expect(() => parseValue("a.b", type, text)).toThrow(
      new ConfigError(`Invalid value ${text} for configuration a.b: ${reason}`),
    );
  });

  it("of the ends of a LONG are shown in full, and null as nothing", () => {
    expect(formatValue("LONG", Number.MAX_SAFE_INTEGER)).toBe("9223372036854775807");
    expect(formatValue("LONG", null)).toBeNull();
  });
});

describe("shapes", () => {
  it.each([
    [quorumVoters, ["1@a:9093", "2@[::1]:9093"], ["1@a", "a@b:1", "1@a:b"]],
    [hostAndPortList, ["a:1", "[::1]:1"], ["a", "a:b", ":1"]],
  ])("of lists of addresses", (valid, good, bad) => {
    expect(valid("n", good)).toEqual(good);
    for (const element of bad) expect(() => valid("n", [element]), element).toThrow(ConfigError);
  });

  it.each(["", "a:1", "::1:5, 10.0.0.1:7"])("of connection limits: %j", (text) => {
    expect(connectionOverrides("n", text)).toBe(text);
  });
  it.each(["a", "a:", ":1", "a:b", "a:1,"])("of no connection limits: %j", (text) => {
    expect(() => connectionOverrides("n", text)).toThrow(ConfigError);
  });

  it.each(["latest", "earliest", "by_duration:PT1H", "by_duration:p1dt2h3m4.5s"])("of where to start: %s", (text) => {
    expect(offsetResetStrategy("n", text)).toBe(text);
  });
  it.each(["", "Latest", "by_duration:", "by_duration:P", "by_duration:PT", "by_duration:1h", "by_duration:-PT1H"])(
    "of nowhere to start: %j",
    (text) => {
      expect(() => offsetResetStrategy("n", text)).toThrow(ConfigError);
    },
  );
});
