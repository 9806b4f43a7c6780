/**
 * The rules of tidiness: each is shown a project that breaks it and one that does not.
 */
import { describe, expect, it } from "vitest";
import type { ProjectFile } from "../../scripts/project-files.ts";
import * as rules from "../../scripts/tidy-rules.ts";

const HEAD = "/** Owns one thing. */\n";

function files(contents: Record<string, string>): ProjectFile[] {
  return Object.entries(contents).map(([path, text]) => ({ path, text }));
}

describe("folders", () => {
  it("need a README where there is code, up to the floor", () => {
    const found = rules.foldersHaveReadmes(files({ "broker/deep/a.ts": HEAD, "docs/a.md": "", "a.ts": HEAD }));
    expect(found.map((finding) => finding.path).sort()).toEqual(["broker", "broker/deep"]);
  });

  it("in test/ need one unless they mirror a folder of the sources", () => {
    const found = rules.foldersHaveReadmes(
      files({
        "broker/a.ts": HEAD,
        "broker/README.md": "",
        "test/broker/a.test.ts": HEAD,
        "test/simulation/a.ts": HEAD,
      }),
    );
    expect(found.map((finding) => finding.path).sort()).toEqual(["test", "test/simulation"]);
  });

  it("have READMEs of at most 40 lines; the project's own may be longer", () => {
    const long = "line\n".repeat(41);
    const found = rules.foldersHaveReadmes(
      files({ "README.md": long, "a/README.md": long, "b/README.md": "line\n".repeat(40) }),
    );
    expect(found).toEqual([{ path: "a/README.md", problem: "41 lines; a folder's README has at most 40" }]);
  });
});

describe("files", () => {
  it("open with a comment, behind a #! line or not", () => {
    const found = rules.filesHaveHeads(
      files({
        "good.ts": HEAD,
        "cli/command.ts": `#!/usr/bin/env node\n${HEAD}`,
        "bare.ts": "export const a = 1;\n",
        "short.ts": "// a line\n",
        "empty.ts": "/**/\n",
        "page.html": "<p>",
        "test/a.test.ts": "import a;\n",
      }),
    );
    expect(found.map((finding) => finding.path)).toEqual(["bare.ts", "short.ts", "empty.ts"]);
  });

  it("beyond 400 lines are listed as a warning", () => {
    const found = rules.filesAreShort(files({ "a.ts": "x;\n".repeat(401), "b.ts": "x;\n".repeat(400) }));
    expect(found).toMatchObject([{ path: "a.ts", warning: true }]);
  });

  it("are named in kebab-case for the noun they hold", () => {
    const bad = [
      "broker/camelCase.ts",
      "broker/snake_case.ts",
      "broker/utils.ts",
      "common/a.ts",
      "broker/helpers/a.ts",
    ];
    const good = [
      "broker/a-b.ts",
      "test/broker/a-b.test.ts",
      "test/interop/kcat.interop.ts",
      "vitest.config.ts",
      "README.md",
    ];
    const found = rules.filesAreNamedWell(files(Object.fromEntries([...bad, ...good].map((path) => [path, HEAD]))));
    expect(found.map((finding) => finding.path)).toEqual(bad);
  });

  it("re-export nothing, save the package's entry", () => {
    const source = 'export * from "./a.ts";\nexport type { B } from "./b.ts";\nexport { c };\n';
    const found = rules.noBarrels(files({ "broker/a.ts": source, "index.ts": source }));
    expect(found.map(({ path, line }) => `${path}:${line}`)).toEqual(["broker/a.ts:1", "broker/a.ts:2"]);
  });
});

describe("words", () => {
  it.each(["TODO", "FIXME", "XXX", "HACK"])("refuses %s", (word) => {
    expect(rules.nothingUnfinished(files({ "docs/a.md": `first\nthen ${word}: later\n` }))).toMatchObject([
      { line: 2 },
    ]);
    expect(rules.nothingUnfinished(files({ "docs/a.md": `${word}LIST, method${word}\n` }))).toEqual([]);
  });

  it.each(["/work/main/a", "see /home/me", "`/tmp/x`", "'/root/.cache'", "C:\\Users\\me"])(
    "refuses the path %s",
    (path) => {
      expect(rules.noMachinePaths(files({ "docs/a.md": path }))).toHaveLength(1);
    },
  );

  it.each(["https://example.org/work/plan", "../work/a", "a/home/b", "/usr/bin/env", "node_modules/tmp/a"])(
    "lets %s be",
    (path) => {
      expect(rules.noMachinePaths(files({ "docs/a.md": path }))).toEqual([]);
    },
  );

  it("refuses hosts of registries, in a lock file above all", () => {
    const lock = `{ "resolved": "${"https:"}//${"registry."}npmjs.org/a.tgz" }`;
    expect(rules.noMachinePaths(files({ "package-lock.json": lock }))).toHaveLength(2);
  });

  it("refuses numbers of tickets in the sources", () => {
    expect(rules.noTicketNumbers(files({ "broker/a.ts": "// see issue 12, PR #4\n" }))).toHaveLength(2);
    expect(rules.noTicketNumbers(files({ "broker/a.ts": "// KIP-320, R12, KAFKA-9000\n" }))).toEqual([]);
  });
});

describe("scenarios", () => {
  const document = [
    "# Scenarios",
    "- **V1** What always holds.",
    "- **R1** One thing.",
    "- **R2** A thing that takes",
    "  two lines.",
    "- **R3** Another, which takes",
    "  two lines as well. *Later: quotas.*",
    "- **B1** Bytes. *Later: security (TLS).*",
    "- **B2** Other bytes.",
    "",
  ].join("\n");
  const cited = (...names: string[]): ReturnType<typeof rules.scenariosAreCited> =>
    rules.scenariosAreCited(
      files({
        "docs/scenarios.md": document,
        "test/a.test.ts": `import a;\n${names.map((name) => `test(${JSON.stringify(name)}, () => {});`).join("\n")}\n`,
      }),
    );

  it("are all cited, alone, in lists and in ranges, save those for later", () => {
    expect(cited("R1: one", "R2: two", "B2: bytes")).toEqual([]);
    expect(cited("R1-R2: both", "B2: bytes")).toEqual([]);
    expect(cited("R1, R2 and B2: all")).toEqual([]);
    expect(cited("R1 to 2: both", "first something; B2: then bytes")).toEqual([]);
  });

  it("that no test names are one warning", () => {
    expect(cited("R2: two")).toEqual([{ path: "docs/scenarios.md", problem: "no test names R1 B2", warning: true }]);
    expect(cited("what R1: and B2: are about is not a citation", "R2: two")).toMatchObject([
      { problem: "no test names R1 B2" },
    ]);
  });

  it("that no document knows are errors, where they stand", () => {
    expect(cited("R1-R2: both", "B2: bytes", "R4: a number made up")).toEqual([
      { path: "test/a.test.ts", line: 4, problem: "R4 is no scenario of docs/scenarios.md" },
    ]);
    expect(cited("R1-R2: both", "B2: bytes", "V2")).toMatchObject([{ line: 4 }]);
  });

  it("stand in the document, once", () => {
    expect(rules.scenariosAreCited(files({ "test/a.test.ts": "" }))).toHaveLength(1);
    const twice = files({ "docs/scenarios.md": "- **V1** One.\n- **V1** Two.\n" });
    expect(rules.scenariosAreCited(twice)).toEqual([
      { path: "docs/scenarios.md", line: 2, problem: "V1 stands there twice" },
    ]);
  });
});
