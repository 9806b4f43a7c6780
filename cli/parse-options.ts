/**
 * Reads the arguments of a command without yargs, which costs more to load than the rest of the way to the first connection.
 *
 * Owns: the plain forms, `--name value` and `--name=value`. Leaves to yargs: help, mistakes and whatever else there is.
 */
import type { OptionSpec } from "./start-options.ts";

/** The values given to each option, in their order; undefined when yargs should have a look. */
export function parseOptions(
  args: readonly string[],
  specs: Readonly<Record<string, OptionSpec>>,
): Map<string, string[]> | undefined {
  const values = new Map<string, string[]>();
  for (let index = 0; index < args.length; index++) {
    const [, name, inline] = /^--([a-z][a-z-]*)(?:=([\s\S]*))?$/.exec(args[index] as string) ?? [];
    if (name === undefined || !Object.hasOwn(specs, name)) return undefined;
    const value = inline ?? args[++index];
    if (value === undefined || (inline === undefined && value.startsWith("-"))) return undefined;
    const others = values.get(name);
    if (others !== undefined && specs[name]?.repeatable !== true) return undefined;
    if (others === undefined) values.set(name, [value]);
    else others.push(value);
  }
  return values;
}
