/**
 * The tests that `npm run test:interop` runs: our broker against other people's programs (clients, Apache Kafka, Bun). A program
 * that is missing is named, and its cases are skipped.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

export default defineConfig({
  root: fileURLToPath(new URL("../..", import.meta.url)),
  test: {
    include: ["test/interop/**/*.interop.ts"],
    pool: "forks",
    // One file at a time: each starts foreign programs that want the machine for themselves.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 600_000,
    allowOnly: false,
  },
});
