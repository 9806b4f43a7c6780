/**
 * The project's own files with their text: what git tracks, and what it would track once added.
 *
 * Owns: which files count as the project's. Invariant: paths are relative to the project's folder, with "/", in order.
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface ProjectFile {
  readonly path: string;
  readonly text: string;
}

const TEXT =
  /\.(?:ts|tsx|mts|cts|js|mjs|cjs|json|jsonl|md|grit|sh|yml|yaml|properties|html|css|java|go|py|txt)$|(?:^|\/)[^.]+$|^\.[^/]+$/;

/** Every text file, recorded data (test/golden) left out. */
export function readProjectFiles(root: string): ProjectFile[] {
  const names = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  const files: ProjectFile[] = [];
  for (const path of [...new Set(names.split("\0"))].sort()) {
    if (!TEXT.test(path) || path.startsWith("test/golden/")) continue;
    try {
      files.push({ path, text: readFileSync(join(root, path), "utf8") });
    } catch (error) {
      // Deleted here, and not yet in the index.
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return files;
}
