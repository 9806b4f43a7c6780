/**
 * Every real peer the machine has, against Odradek and, where Apache Kafka can be had, against Apache Kafka 4.3.1 too, side by side:
 * `npm run compat`, or `npm run compat -- java kcat` for some of them; with `--here` not on Apache Kafka. Writes what they did into
 * docs/compatibility.md.
 *
 * Owns: which test files are whose, and the page. Leaves to the tests: what is tried, and what is missing on the machine.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PEERS, type Peer, versionOf } from "./compat/peers.ts";
import { renderCompatibility } from "./compat/render-compatibility.ts";
import { runTests, type TestOutcome } from "./compat/run-tests.ts";
import { projectRoot } from "./project-root.ts";
import { scriptOptions } from "./script-options.ts";

const APACHE_KAFKA = { INTEROP_BROKER: "apache-kafka" };

const USAGE = `npm run compat -- [--here] [NAME...], where NAME is one of: ${PEERS.map(({ name }) => name).join(", ")}`;
const { positionals: asked, values } = scriptOptions(USAGE, {
  allowPositionals: true,
  options: { here: { type: "boolean" } },
});

async function tried(peer: Peer): Promise<{ here: TestOutcome[]; there: TestOutcome[] }> {
  process.stdout.write(`${peer.name} against Odradek\n`);
  const here = await runTests(peer.file, {});
  if (!peer.runsOnApacheKafka || values.here === true) return { here, there: [] };
  process.stdout.write(`${peer.name} against Apache Kafka\n`);
  return { here, there: await runTests(peer.file, APACHE_KAFKA) };
}

const unknown = asked.filter((name) => !PEERS.some((peer) => peer.name === name));
if (unknown.length > 0) {
  process.stdout.write(`${USAGE}\n`);
  process.exitCode = 1;
} else {
  const results = [];
  for (const peer of PEERS.filter(({ name }) => asked.length === 0 || asked.includes(name))) {
    results.push({ peer, version: await versionOf(peer), ...(await tried(peer)) });
  }
  const path = join(projectRoot, "docs", "compatibility.md");
  const before = existsSync(path) ? readFileSync(path, "utf8") : "";
  writeFileSync(
    path,
    renderCompatibility(
      results,
      PEERS.map(({ name }) => name),
      before,
    ),
  );
  const failed = results.flatMap(({ here }) => here).filter(({ status }) => status === "failed");
  process.stdout.write(`${failed.length} failed here\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}
