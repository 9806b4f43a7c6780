/**
 * Where the project lies, for scripts and tests that read its files or start its programs.
 */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

/** The folder of package.json, without a slash at the end. */
export const projectRoot = dirname(dirname(fileURLToPath(import.meta.url)));
