/**
 * The README's tables are what the sources say.
 */
import { describe, expect, it } from "vitest";
import { findStaleTables, gatherDifferences, renderReadme, servedApis } from "../../scripts/readme-tables.ts";

const README = "# T\n<!-- apis -->\nold\n<!-- /apis -->\nkept\n<!-- differences -->\n<!-- /differences -->\nend\n";

describe("differences", () => {
  const texts = (text: string) =>
    gatherDifferences([{ path: "broker/a.ts", text }]).map((difference) => difference.text);

  it("are gathered to the end of their paragraph, from either kind of comment", () => {
    expect(
      texts(
        [
          "/**",
          " * What it does. Differs from Kafka: this,",
          " * and that.",
          " *",
          " * Another thing.",
          " */",
          "  // Differs from Kafka: a line",
          "  // and a second.",
          "  code(); // Differs from Kafka: at the end of a line.",
          "  /** Differs from Kafka: short. */",
          "  more();",
        ].join("\n"),
      ),
    ).toEqual(["this, and that.", "a line and a second.", "at the end of a line.", "short."]);
  });

  it("are those of the sources alone", () => {
    const text = "// Differs from Kafka: no.\n";
    expect(
      gatherDifferences([
        { path: "test/a.ts", text },
        { path: "docs/a.md", text },
      ]),
    ).toEqual([]);
  });
});

describe("the README", () => {
  const sources = [
    {
      path: "broker/handlers/table.ts",
      text: 'new HandlerTable<RequestContext>("broker", [\n  serve(Produce, handleProduce),\n  serve(Vote, x, { advertised: false }),\n]); // Differs from Kafka: so.',
    },
    { path: "cluster/controller/table.ts", text: 'new HandlerTable(\n  "controller", [serve(Vote, y)])' },
    { path: "test/broker/a.test.ts", text: 'new HandlerTable("broker", [serve(Fetch, handleFetch)])' },
  ];

  it("lists the APIs that have a handler, with their versions and who serves them", () => {
    expect([...servedApis(sources)].map(([api, kinds]) => `${api.name} ${kinds}`)).toEqual([
      "Produce broker",
      "Vote broker,controller",
    ]);
    expect(renderReadme(README, sources)).toContain("| Produce | 0 | 3-13 | broker |\n| Vote | 52 | 0-2 |");
  });

  it("finds the list that tables are made of", () => {
    const text = `const SERVED: readonly ServedApi[] = [\n  serve(Produce, a),\n  serve(\n    Fetch,\n    b),\n];
      const A = new HandlerTable<RequestContext>("broker", SERVED);
      const B = new HandlerTable<RequestContext>(\n  "broker",\n  SERVED.map((line) => line),\n);`;
    const served = servedApis([{ path: "broker/handlers/table.ts", text }]);
    expect([...served].map(([api, kinds]) => `${api.name} ${kinds}`)).toEqual(["Produce broker", "Fetch broker"]);
  });

  it("is stale until rendered, and not after", () => {
    const stale = [...sources, { path: "README.md", text: README }];
    expect(findStaleTables(stale)).toHaveLength(1);
    const fresh = [...sources, { path: "README.md", text: renderReadme(README, sources) }];
    expect(findStaleTables(fresh)).toEqual([]);
  });

  it("must have its marks", () => {
    expect(() => renderReadme("# T\n", sources)).toThrow("<!-- apis -->");
    expect(findStaleTables(sources)).toMatchObject([{ problem: "is missing" }]);
  });
});
