/**
 * The rules of tidiness that no linter knows, each a function of the project's files: what is wrong, and where.
 *
 * Layers, ambient state, formatting and types are the linter's and the compiler's; the README's tables readme-tables.ts's.
 */
import { basename, dirname } from "node:path";
import type { ProjectFile } from "./project-files.ts";

export interface Finding {
  readonly path: string;
  /** From 1; left out where the finding is about the file as a whole. */
  readonly line?: number;
  readonly problem: string;
  /** A warning is shown and does not fail the check. */
  readonly warning?: boolean;
}

type Rule = (files: readonly ProjectFile[]) => Finding[];

const FLOORS = ["protocol", "storage", "broker", "cluster", "console", "cli"];
const README_LINES = 40;
const FILE_LINES = 400;
const isCode = (path: string): boolean => path.endsWith(".ts");
/** Tests are named for what they test, and their cases speak for themselves. */
const isTest = (path: string): boolean => /\.(?:test|interop)\.ts$/.test(path);
const inFloor = (path: string): boolean => FLOORS.some((floor) => path.startsWith(`${floor}/`));

/**
 * Every folder with code says in a README of at most 40 lines what it is; in test/, what mirrors another folder
 * or lies deeper needs none.
 */
export const foldersHaveReadmes: Rule = (files) => {
  const paths = new Set(files.map((file) => file.path));
  const folders = new Set<string>();
  for (const file of files)
    if (isCode(file.path)) for (let at = dirname(file.path); at !== "."; at = dirname(at)) folders.add(at);
  const isMirror = (folder: string): boolean =>
    folder.startsWith("test/") && (folders.has(folder.slice("test/".length)) || folder.split("/").length > 2);
  const findings: Finding[] = [];
  for (const folder of folders)
    if (!isMirror(folder) && !paths.has(`${folder}/README.md`))
      findings.push({ path: folder, problem: "no README.md: purpose, files in reading order, what may not go here" });
  for (const file of files) {
    if (basename(file.path) !== "README.md" || !file.path.includes("/")) continue;
    const lines = file.text.trimEnd().split("\n").length;
    if (lines > README_LINES)
      findings.push({ path: file.path, problem: `${lines} lines; a folder's README has at most ${README_LINES}` });
  }
  return findings;
};

/** A file of code opens with what it owns, what it leaves to whom, its invariant. */
export const filesHaveHeads: Rule = (files) =>
  files
    .filter(({ path, text }) => isCode(path) && !isTest(path) && !/^(?:#![^\n]*\n)?\/\*\*(?!\/)/.test(text))
    .map(({ path }) => ({ path, line: 1, problem: "does not open with a comment that says what it owns" }));

export const filesAreShort: Rule = (files) =>
  files.flatMap(({ path, text }) => {
    const lines = text.trimEnd().split("\n").length;
    return isCode(path) && lines > FILE_LINES
      ? [{ path, problem: `${lines} lines; a file beyond ${FILE_LINES} holds two things`, warning: true }]
      : [];
  });

/** Names are kebab-case and say what the file holds. */
export const filesAreNamedWell: Rule = (files) =>
  files.flatMap(({ path }) => {
    if (!isCode(path)) return [];
    if (!/^[a-z0-9]+(?:-[a-z0-9]+)*(?:\.(?:test|interop|config))?\.ts$/.test(basename(path)))
      return [{ path, problem: "the name is not kebab-case" }];
    const vague = path.split(/[/.]/).find((part) => /^(?:utils?|helpers?|common|misc|types)$/.test(part));
    return vague === undefined ? [] : [{ path, problem: `"${vague}" says nothing: name the noun it holds` }];
  });

/** A module is imported from where it is: only the package's entry gathers others. */
export const noBarrels: Rule = (files) =>
  files.flatMap(({ path, text }) =>
    isCode(path) && path !== "index.ts"
      ? matches({ path, text }, /^export (?:type )?(?:\*|\{[^}]*\})[^;\n]* from /gm, "re-exports another module")
      : [],
  );

const UNFINISHED = new RegExp(`\\b(?:${["TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK"].join("|")})\\b`, "g");

export const nothingUnfinished: Rule = (files) =>
  files.flatMap((file) =>
    matches(file, UNFINISHED, "left for later: finish it, or write down elsewhere what is missing"),
  );

const MACHINE = /(?<![\w.:/}$-])\/(?:work|farm|root|home|Users|tmp)\/[A-Za-z.]|\b[A-Z]:\\Users\\/g;
const HOSTS =
  /registry\.(?:npmjs|yarnpkg|npmmirror)|repo\d*\.maven|proxy\.golang|files\.pythonhosted|"resolved": "https?:/g;

/** Nothing names the machine it was written on, or where packages come from. */
export const noMachinePaths: Rule = (files) =>
  files.flatMap((file) => [
    ...matches(file, MACHINE, "a path of one machine"),
    ...matches(file, HOSTS, "a registry's host"),
  ]);

/** The project speaks of itself, not of the tickets it came from. */
export const noTicketNumbers: Rule = (files) =>
  files.flatMap((file) =>
    inFloor(file.path) || file.path.startsWith("test/")
      ? matches(file, /\b(?:issue|ticket|PR) ?#?\d+\b/gi, "a ticket's number: say what it is about")
      : [],
  );

const SCENARIOS = "docs/scenarios.md";
/** `- **R12** What happens. *Later: the part that is not built yet.*` */
const SCENARIO = /^- \*\*([BDRV]\d+)\*\* (?:.*\n {2})*.*?(\*Later: [^*\n]+\*)?$/gm;
/** What a test's name opens with: "R3: ...", "B52, B54: ...", "R1-R8: ..."; checkers name what is violated, alone or before a text. */
const CITATION = /(?<=["'`] ?|[,;] )([BDRV]\d{1,3}(?:(?:-|, | and | to )[BDRV]?\d{1,3})*)(?=[:"'`]|\s[^\s])/g;

/**
 * What a test names is a scenario of docs/scenarios.md, and each R and B there has a test that names it, unless it is for
 * later. Those that no test names are one warning.
 */
export const scenariosAreCited: Rule = (files) => {
  const document = files.find(({ path }) => path === SCENARIOS);
  if (document === undefined) return [{ path: SCENARIOS, problem: "missing: tests name the scenarios it lists" }];
  const findings: Finding[] = [];
  const known = new Set<string>();
  const awaited = new Set<string>();
  for (const { index, 1: number = "", 2: later } of document.text.matchAll(SCENARIO)) {
    const line = document.text.slice(0, index).split("\n").length;
    if (known.has(number)) findings.push({ path: SCENARIOS, line, problem: `${number} stands there twice` });
    known.add(number);
    if (later === undefined && /^[BR]/.test(number)) awaited.add(number);
  }
  for (const file of files) {
    if (!file.path.startsWith("test/") || !isCode(file.path)) continue;
    for (const { index, 1: citation = "" } of file.text.matchAll(CITATION)) {
      for (const number of scenarioNumbers(citation)) {
        awaited.delete(number);
        if (known.has(number)) continue;
        const line = file.text.slice(0, index).split("\n").length;
        findings.push({ path: file.path, line, problem: `${number} is no scenario of ${SCENARIOS}` });
      }
    }
  }
  if (awaited.size > 0)
    findings.push({ path: SCENARIOS, problem: `no test names ${[...awaited].join(" ")}`, warning: true });
  return findings;
};

/** "R1-R3, B7" and "R1-3, B7" name four. */
function scenarioNumbers(citation: string): string[] {
  const numbers: string[] = [];
  let letter = "";
  let from = 0;
  for (const [, separator, kind, digits] of citation.matchAll(/(-| to |, | and |)([BDRV]?)(\d+)/g)) {
    if (kind !== "") letter = kind ?? letter;
    const number = Number(digits);
    const first = separator === "-" || separator === " to " ? from + 1 : number;
    for (let each = first; each <= number; each++) numbers.push(`${letter}${each}`);
    from = number;
  }
  return numbers;
}

export const TIDY_RULES: readonly Rule[] = [
  foldersHaveReadmes,
  filesHaveHeads,
  filesAreShort,
  filesAreNamedWell,
  noBarrels,
  nothingUnfinished,
  noMachinePaths,
  noTicketNumbers,
  scenariosAreCited,
];

function matches({ path, text }: ProjectFile, pattern: RegExp, problem: string): Finding[] {
  return [...text.matchAll(pattern)].map((match) => ({
    path,
    line: text.slice(0, match.index).split("\n").length,
    problem: `${problem}: ${JSON.stringify(match[0])}`,
  }));
}
