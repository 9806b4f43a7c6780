/**
 * The tests that `npm test` runs: everything in test/ that needs no foreign program (those are in test/interop).
 *
 * Files share a process (isolate: false): no test may leave a global, a timer, a socket or a file behind. That is three to five
 * times faster, and what leaks is seen. Processes rather than threads, so that a test may look at its own memory.
 */
import { availableParallelism } from "node:os";
import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    exclude: ["test/interop/**"],
    pool: "forks",
    isolate: false,
    maxWorkers: Math.min(8, Math.max(2, availableParallelism())),
    // For a machine that does other things besides: no test takes a tenth of it on one that does not.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    teardownTimeout: 5_000,
    allowOnly: false,
    passWithNoTests: false,
  },
});
