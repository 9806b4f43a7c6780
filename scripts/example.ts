/**
 * Runs examples by name, one after the other: `npm run example -- failover`; `all` of them; without a name it lists them. Ends with 1
 * when one did not end as it should.
 */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const examples = join(import.meta.dirname ?? ".", "..", "examples");
const names = readdirSync(examples, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && existsSync(join(examples, entry.name, `${entry.name}.ts`)))
  .map((entry) => entry.name);
const asked = process.argv.slice(2);
const wanted = asked[0] === "all" ? names : asked;
const fileOf = (name: string) => join(examples, name, `${name}.ts`);
if (wanted.length === 0 || !wanted.every((name) => existsSync(fileOf(name)))) {
  process.stdout.write(`npm run example -- NAME, where NAME is one of: ${names.join(", ")}, all\n`);
  process.exitCode = asked.length === 0 ? 0 : 1;
} else {
  let failed = false;
  for (const name of wanted) {
    if (wanted.length > 1) process.stdout.write(`${name}\n`);
    await import(pathToFileURL(fileOf(name)).href);
    failed ||= process.exitCode === 1;
  }
  process.exitCode = failed ? 1 : 0;
}
