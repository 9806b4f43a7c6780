/**
 * Mistakes on the command line, each in words that say what to do.
 */
import { describe, expect, it } from "vitest";
import { CommandError } from "../../cli/command-error.ts";
import { runCommand } from "../../cli/run-command.ts";

describe("mistakes", () => {
  it.each([
    [["start", "--prot", "5"], "Unknown argument: prot; see odradek start --help"],
    [["start", "--port"], "Not enough arguments following: port; see odradek start --help"],
    [["start", "--port", "x"], '--port must be a whole number from 0 to 65535, not "x"'],
    [["start", "--port=-1"], '--port must be a whole number from 0 to 65535, not "-1"'],
    [["start", "--port", "1", "--port", "2"], "--port is given 2 times"],
    [["start", "--nodes", "0"], '--nodes must be a whole number from 1 to 100, not "0"'],
    [["start", "--nodes", "2", "--port", "65535"], "--port 65535 leaves no ports for 2 nodes: the last is 65535"],
    [["start", "now"], "Unknown argument: now; see odradek start --help"],
    [["stop"], "Unknown argument: stop; see odradek --help"],
    [[], "A command is missing; see odradek --help"],
    [["start", "--set", "a"], '--set needs KEY=VALUE, not "a"'],
    [["start", "--set", "log.retension.ms=5"], "unknown setting log.retension.ms; did you mean log.retention.ms?"],
    [["start", "--set", "__proto__=5"], "unknown setting __proto__"],
    [["start", "--set", "retention.ms=5"], "retention.ms is a config of topics; for all of them set log.retention.ms"],
    [
      ["start", "--set", "log.retention.ms=abc"],
      "Invalid value abc for configuration log.retention.ms: Not a number of type LONG",
    ],
    [["start", "--data-dir", ""], "--data-dir needs a value"],
  ])("%j: %s", async (args, message) => {
    await expect(runCommand(args)).rejects.toThrow(new CommandError(message));
  });
});
