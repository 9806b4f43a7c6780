/**
 * `npm run tidy`: the rules of tidy-rules.ts over the project's files, and whether what is made from the sources is in step.
 */

import { findStaleEffectiveConfigs } from "./effective-configs.ts";
import { readProjectFiles } from "./project-files.ts";
import { projectRoot } from "./project-root.ts";
import { findStaleTables } from "./readme-tables.ts";
import { TIDY_RULES } from "./tidy-rules.ts";

/** Holds one example of everything that is forbidden. */
const SEEDED = "test/scripts/tidy-rules.test.ts";

const files = readProjectFiles(projectRoot);
const judged = files.filter((file) => file.path !== SEEDED);
const findings = [
  ...TIDY_RULES.flatMap((rule) => rule(judged)),
  ...findStaleTables(files),
  ...findStaleEffectiveConfigs(files),
];
for (const { path, line, problem, warning } of findings)
  console.log(`${warning === true ? "warning" : "error"}: ${path}${line === undefined ? "" : `:${line}`}: ${problem}`);
const errors = findings.filter((finding) => finding.warning !== true).length;
console.log(`${files.length} files, ${errors} errors, ${findings.length - errors} warnings`);
process.exitCode = errors === 0 ? 0 : 1;
