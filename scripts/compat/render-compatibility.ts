/** The page of docs/compatibility.md: a table for each peer, what it does here beside what it does there. */
import type { Peer } from "./peers.ts";
import type { TestOutcome } from "./run-tests.ts";

export interface PeerResult {
  readonly peer: Pick<Peer, "name" | "title">;
  readonly version: string;
  readonly here: readonly TestOutcome[];
  readonly there: readonly TestOutcome[];
}

const HEAD = `# Compatibility

What real clients and tools do with Odradek, and what the same test makes of Apache Kafka 4.3.1. Written by \`npm run compat\`.

\`yes\`: it does what the test says. \`no\`: it does not. \`-\`: not tried, because the machine lacks something, or because the test does
to nodes what only ours can have done to them.
`;

/** Numbers of scenarios say nothing to whoever reads the page. */
const NUMBERS = /\b[RVB]\d+(?:, [RVB]\d+)*: /g;

/**
 * The page with what was tried now, and of what was not tried what it says already.
 * @param order the names of all peers, as they stand on the page.
 */
export function renderCompatibility(results: readonly PeerResult[], order: readonly string[], before = ""): string {
  const sections = new Map<string, string>();
  for (const text of before.split(/(?=^<!-- peer: )/m)) {
    const name = /^<!-- peer: (\S+) -->/.exec(text)?.[1];
    if (name !== undefined) sections.set(name, text.trimEnd());
  }
  for (const result of results) sections.set(result.peer.name, section(result));
  return `${[HEAD.trimEnd(), ...order.flatMap((name) => sections.get(name) ?? [])].join("\n\n")}\n`;
}

function section({ peer, version, here, there }: PeerResult): string {
  const titles = [...new Set([...here, ...there].map(({ title }) => title))];
  const rows = titles.map((title) => {
    const feature = title.replace(NUMBERS, "").replaceAll("|", "\\|");
    return `| ${feature} | ${word(here, title)} | ${word(there, title)} |`;
  });
  const name = version === "" ? peer.title : `${peer.title} ${version}`;
  return [
    `<!-- peer: ${peer.name} -->`,
    `## ${name}`,
    "",
    "| feature | Odradek | Apache Kafka |",
    "|---|---|---|",
    ...rows,
  ].join("\n");
}

function word(outcomes: readonly TestOutcome[], title: string): string {
  const status = outcomes.find((outcome) => outcome.title === title)?.status;
  return status === "passed" ? "yes" : status === "failed" ? "no" : "-";
}
