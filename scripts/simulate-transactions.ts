/**
 * Transactions on simulated clusters: `npm run simulate:transactions -- --seeds 100 --from 1`, a seed after the other; ends with 1 when
 * one fails, and names it.
 */
import { runTransactions } from "../test/simulation/transactions/run-transactions.ts";
import { scriptOptions } from "./script-options.ts";

const USAGE = "npm run simulate:transactions -- [--seeds 10] [--from 1]";
const { values } = scriptOptions(USAGE, {
  options: { seeds: { type: "string", default: "10" }, from: { type: "string", default: "1" } },
});
const [from, seeds] = [Number(values.from), Number(values.seeds)];
let [failed, commits, aborts] = [0, 0, 0];
for (let seed = from; seed < from + seeds; seed++) {
  try {
    const { counts } = await runTransactions(String(seed));
    commits += counts.commits;
    aborts += counts.aborts;
  } catch (error) {
    failed++;
    process.stdout.write(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}\n`);
  }
}
process.stdout.write(`${seeds} seeds, ${failed} failed; ${commits} commits, ${aborts} aborts\n`);
process.exitCode = failed === 0 ? 0 : 1;
