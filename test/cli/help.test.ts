/** Help fits a terminal and names every option with what it means. */
import { describe, expect, it } from "vitest";
import { COMMANDS } from "../../cli/commands.ts";
import { CommandProbe } from "./command-probe.ts";

const odradek = new CommandProbe("127.0.0.1:1");
const help = async (...args: string[]): Promise<string> => (await odradek.run([...args, "--help"])).stdout;

describe("help", () => {
  it("names every command", async () => {
    const text = await help();
    for (const { name, summary } of COMMANDS) {
      expect(text).toContain(`odradek ${name}`);
      expect(text).toContain(summary);
    }
  });

  const commands = [
    ["topics"],
    ...["list", "create", "describe", "alter", "delete"].map((name) => ["topics", name]),
    ["groups"],
    ...["list", "describe", "reset", "delete"].map((name) => ["groups", name]),
    ["produce"],
    ["consume"],
  ];
  it.each(commands.map((command) => [command.join(" "), command] as const))("odradek %s", async (name, command) => {
    const text = await help(...command);
    expect(text).toMatch(new RegExp(`^Usage: odradek ${name}`));
    for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(100);
    // An option without a description stands alone, or before its type.
    expect(text).not.toMatch(/^ +--[a-z-]+(, -\w)? *(\[.*\])?$/m);
    if (command.length > 1) expect(text).toMatch(/--bootstrap +HOST:PORT|--bootstrap, -b|-b, --bootstrap/);
  });
});
