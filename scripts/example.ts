/**
 * Runs one of the examples by name: `npm run example -- failover`; without a name it lists them.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const examples = join(import.meta.dirname ?? ".", "..", "examples");
const [name] = process.argv.slice(2);
const names = readdirSync(examples, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name);
const file = name === undefined ? undefined : join(examples, name, `${name}.ts`);
if (file === undefined || !existsSync(file)) {
  process.stdout.write(`npm run example -- NAME, where NAME is one of: ${names.join(", ")}\n`);
  process.exitCode = name === undefined ? 0 : 1;
} else {
  await import(pathToFileURL(file).href);
}
