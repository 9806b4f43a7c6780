/**
 * The parts of README.md that the sources say: the APIs that are served, and where the broker differs from Apache Kafka on
 * purpose. `npm run readme` writes them; tidy.ts checks that they are in step.
 *
 * Invariant: nothing outside a pair of marks (`<!-- name -->` ... `<!-- /name -->`) is touched.
 */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { APIS } from "../protocol/apis.ts";
import type { Api, ListenerKind } from "../protocol/schema/api.ts";
import { EFFECTIVE_CONFIGS_PATH, renderEffectiveConfigs } from "./effective-configs.ts";
import { type ProjectFile, readProjectFiles } from "./project-files.ts";
import { projectRoot } from "./project-root.ts";
import type { Finding } from "./tidy-rules.ts";

const README = "README.md";
const SOURCES = /^(?:protocol|storage|broker|cluster|console|cli)\/.*\.ts$/;

export interface Difference {
  readonly path: string;
  readonly text: string;
}

/** The comments that begin with `Differs from Kafka:`, each to the end of its paragraph, in the order of the files. */
export function gatherDifferences(files: readonly ProjectFile[]): Difference[] {
  const differences: Difference[] = [];
  for (const { path, text } of files) {
    if (!SOURCES.test(path)) continue;
    const lines = text.split("\n");
    for (const [index, line] of lines.entries()) {
      const start = /(?:\/\/|\*).*?\bDiffers from Kafka:\s*(.*)$/.exec(line);
      if (start === null) continue;
      const parts = [start[1] ?? ""];
      const inBlock = !/^\s*\/\/|[^:]\/\/.*Differs from Kafka:/.test(line);
      for (const next of lines.slice(index + 1)) {
        if (parts.at(-1)?.includes("*/")) break;
        const more = (inBlock ? /^\s*\*(?!\/)\s?(.*)$/ : /^\s*\/\/\s?(.*)$/).exec(next)?.[1];
        if (more === undefined || more.trim() === "" || /Differs from Kafka:|^@/.test(more)) break;
        parts.push(more);
      }
      differences.push({
        path,
        text: parts
          .join(" ")
          .replace(/\*\/.*/, "")
          .replace(/\s+/g, " ")
          .trim(),
      });
    }
  }
  return differences;
}

/**
 * APIs that have a handler, with the kinds of listeners that serve them: the lines `serve(Produce, ...)` of a handler table, or of the
 * list in the same file that it is made of.
 */
export function servedApis(files: readonly ProjectFile[]): Map<Api, ListenerKind[]> {
  const kinds = new Map<string, Set<ListenerKind>>();
  for (const { path, text } of files) {
    if (!SOURCES.test(path)) continue;
    for (const table of text.split("new HandlerTable").slice(1)) {
      const found = /^(?:<[^(]*>)?\(\s*"(broker|controller)",\s*(\w+)?/.exec(table);
      if (found === null) continue;
      const kind = found[1] as ListenerKind;
      const lines = found[2] === undefined ? table : listNamed(found[2], text);
      for (const [, name] of lines.matchAll(/\bserve\(\s*(\w+),/g))
        kinds.set(name as string, (kinds.get(name as string) ?? new Set()).add(kind));
    }
  }
  return new Map(
    APIS.filter((api) => kinds.has(api.name)).map((api) => [api, [...(kinds.get(api.name) ?? [])].sort()]),
  );
}

function listNamed(name: string, text: string): string {
  return new RegExp(`\\bconst ${name}\\b[^=]*= \\[([^]*?)\\n\\];`).exec(text)?.[1] ?? "";
}

/** What Apache Kafka's brokers advertise, and ours do not: telemetry they advertise only with a plugin that takes it. */
export function unservedApis(files: readonly ProjectFile[]): Api[] {
  const served = servedApis(files);
  const isServed = (api: Api): boolean => served.get(api)?.includes("broker") === true;
  return APIS.filter((api) => api.listeners.includes("broker") && !isServed(api) && !/Telemetry/.test(api.name));
}

function apiTable(files: readonly ProjectFile[]): string {
  const rows = [...servedApis(files)].map(
    ([{ name, key, versions }, kinds]) =>
      `| ${name} | ${key} | ${versions.min}-${versions.max} | ${kinds.join(", ")} |`,
  );
  if (rows.length === 0) return "None yet.";
  const missing = unservedApis(files).map(({ name, key }) => `${name} (${key})`);
  const rest = missing.length === 0 ? "all of it is served" : `not served, and not advertised: ${missing.join(", ")}`;
  const table = ["| API | key | versions | served by |", "|---|---|---|---|", ...rows];
  return [...table, "", `Of what Apache Kafka advertises to clients, ${rest}.`].join("\n");
}

function differenceList(files: readonly ProjectFile[]): string {
  const items = gatherDifferences(files).map(
    ({ path, text }) => `- ${text.slice(0, 1).toUpperCase()}${text.slice(1)} (\`${path}\`)`,
  );
  return items.length === 0 ? "None yet." : items.join("\n");
}

/** The README with its marked parts as the sources say them. @throws Error when a mark is missing. */
export function renderReadme(readme: string, files: readonly ProjectFile[]): string {
  const sections = { apis: apiTable(files), differences: differenceList(files) };
  let rendered = readme;
  for (const [name, content] of Object.entries(sections)) {
    const between = new RegExp(`(<!-- ${name} -->\\n)[^]*?(<!-- /${name} -->)`);
    if (!between.test(rendered)) throw new Error(`${README} has no marks <!-- ${name} --> ... <!-- /${name} -->`);
    rendered = rendered.replace(between, (_all, open: string, close: string) => `${open}${content}\n${close}`);
  }
  return rendered;
}

/** Nothing when README.md says what the sources say. */
export function findStaleTables(files: readonly ProjectFile[]): Finding[] {
  const readme = files.find((file) => file.path === README);
  if (readme === undefined) return [{ path: README, problem: "is missing" }];
  return renderReadme(readme.text, files) === readme.text
    ? []
    : [{ path: README, problem: "its tables are not what the sources say: npm run readme" }];
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const files = readProjectFiles(projectRoot);
  const readme = files.find((file) => file.path === README);
  if (readme === undefined) throw new Error(`${README} is missing`);
  writeFileSync(join(projectRoot, README), renderReadme(readme.text, files));
  writeFileSync(join(projectRoot, EFFECTIVE_CONFIGS_PATH), renderEffectiveConfigs(files));
}
