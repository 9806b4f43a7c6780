/** The page of `npm run compat`. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { PEERS, versionOf } from "../../scripts/compat/peers.ts";
import { renderCompatibility } from "../../scripts/compat/render-compatibility.ts";
import { projectRoot } from "../../scripts/project-root.ts";

test("each peer has its test file and, where the project says which, its version", async () => {
  for (const peer of PEERS) {
    expect([peer.name, existsSync(join(projectRoot, peer.file))]).toEqual([peer.name, true]);
    if (!("command" in peer.version)) expect([peer.name, await versionOf(peer)]).not.toEqual([peer.name, ""]);
  }
});

test("what is tried here and there stands side by side", () => {
  const before = renderCompatibility(
    [{ peer: { name: "a", title: "Other" }, version: "", here: [], there: [] }],
    ["a"],
  );
  const results = [
    {
      peer: { name: "b", title: "Client" },
      version: "1.2",
      here: [
        { title: "group: R140, V12: copies", status: "passed" },
        { title: "fences", status: "failed" },
        { title: "kills", status: "passed" },
      ],
      there: [
        { title: "group: R140, V12: copies", status: "failed" },
        { title: "fences", status: "passed" },
        { title: "kills", status: "skipped" },
      ],
    },
  ] as const;
  const page = renderCompatibility(results, ["a", "b"], before);
  expect(page.match(/^## .*/gm)).toEqual(["## Other", "## Client 1.2"]);
  expect(renderCompatibility(results, ["a", "b"], page)).toBe(page);
  expect(page).toContain("## Client 1.2");
  for (const row of ["| group: copies | yes | no |", "| fences | no | yes |", "| kills | yes | - |"])
    expect(page).toContain(row);
});
