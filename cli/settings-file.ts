/**
 * Settings from a file in the form of Java properties. The parser is loaded only when there is a file.
 */
import { readFileSync } from "node:fs";
import { CommandError } from "./command-error.ts";

/** The settings of a file by name; the last of several wins, as in Java. @throws CommandError */
export async function readSettingsFile(path: string): Promise<Map<string, string>> {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    throw new CommandError(`--config ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  const { getProperties } = await import("properties-file");
  try {
    return new Map(Object.entries(getProperties(text)));
  } catch (error) {
    throw new CommandError(`--config ${path} is no file of properties: ${(error as Error).message}`, { cause: error });
  }
}
