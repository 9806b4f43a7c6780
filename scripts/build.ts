/**
 * `npm run build`: what the package ships, in dist/: the library as ES modules and as CommonJS, the `odradek` command, the
 * entry of the worker threads, the types.
 *
 * Dependencies stay outside the bundles: they are installed beside the package, and the native ones are optional. What is small
 * and on the way to the ready line is bundled instead, with its licence.
 * Invariant: dist/ holds nothing that the sources of this moment did not give.
 */
import { execFile } from "node:child_process";
import { chmod, cp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { build } from "esbuild";
import { projectRoot } from "./project-root.ts";

interface BuildOptions {
  /** Where to; the project's own dist/ when left out. */
  readonly outputDirectory?: string;
  /** Types take most of the time; a test that only runs the bundles leaves them out. */
  readonly types?: boolean;
}

/** Packages inside the bundles. To load one from its own files takes longer than to run it. */
const BUNDLED = ["properties-file"];

const manifest = JSON.parse(await readFile(join(projectRoot, "package.json"), "utf8")) as Record<
  "dependencies" | "optionalDependencies",
  Record<string, string>
>;

const shared = {
  bundle: true,
  platform: "node",
  target: "node20",
  external: Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies }),
  // A seventh less to parse on the way to the ready line; names stay, for stacks that can be read.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: "linked",
  sourcesContent: false,
  legalComments: "none",
  absWorkingDir: projectRoot,
  logLevel: "warning",
} as const;

/** A machine on which a node does not start gets a package all the same. */
const COMPILE_TIMEOUT_MS = 60_000;

/** The name a module knows itself by does not exist in CommonJS: it is made from the file's name. */
const commonJsSelf = {
  banner: { js: 'const importMetaUrl = require("node:url").pathToFileURL(__filename).href;' },
  define: { "import.meta.url": "importMetaUrl" },
};

/** Bundles everything into the output directory, which is emptied first. */
export async function buildPackage({
  outputDirectory = join(projectRoot, "dist"),
  types = true,
}: BuildOptions = {}): Promise<void> {
  await rm(outputDirectory, { recursive: true, force: true });
  const modules = build({
    ...shared,
    // Code that both need lies in chunks; what `start` does not need stays in chunks of its own until it is imported.
    entryPoints: {
      index: "index.ts",
      "cli/odradek": "cli/odradek.ts",
      // NodeCompute looks for it by this name, beside itself and above the chunks.
      "compute-worker": "storage/node-compute-worker.ts",
    },
    format: "esm",
    splitting: true,
    chunkNames: "chunks/[name]-[hash]",
    outdir: outputDirectory,
  });
  const commonJs = build({
    ...shared,
    ...commonJsSelf,
    entryPoints: ["index.ts"],
    format: "cjs",
    outfile: join(outputDirectory, "index.cjs"),
  });
  const start = buildStart(outputDirectory);
  await Promise.all([modules, commonJs, start, types ? emitTypes(outputDirectory) : undefined]);
  for (const name of BUNDLED)
    await cp(join(projectRoot, "node_modules", name, "LICENSE"), join(outputDirectory, "licences", `${name}.txt`));
  await chmod(join(outputDirectory, "cli/odradek.js"), 0o755);
}

/** The start command as one script, and V8's code for it (see cli/compiled-start.ts). Not published: it is for this Node.js. */
async function buildStart(outputDirectory: string): Promise<void> {
  const outfile = join(outputDirectory, "cli/start.cjs");
  await build({
    ...shared,
    ...commonJsSelf,
    entryPoints: ["cli/start-command.ts"],
    format: "cjs",
    // One function, as Node.js makes one of each CommonJS module; compiled by hand, it cannot import.
    banner: { js: `(function (exports, require, module, __filename, __dirname) {${commonJsSelf.banner.js}` },
    footer: { js: "})" },
    charset: "ascii",
    supported: { "dynamic-import": false },
    outfile,
  });
  const compile = join(projectRoot, "scripts/compile-start.ts");
  const options = { cwd: projectRoot, timeout: COMPILE_TIMEOUT_MS };
  await promisify(execFile)(process.execPath, ["--import", "tsx", compile, outfile], options).catch((error: Error) => {
    process.stderr.write(`start is not compiled, and takes longer: ${error.message}\n`);
  });
}

/** Declarations twice: the ones for `require` lie under a package.json of their own, which makes them CommonJS. */
async function emitTypes(outputDirectory: string): Promise<void> {
  const directory = join(outputDirectory, "types");
  const compiler = createRequire(import.meta.url).resolve("typescript/package.json");
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(dirname(compiler), "bin/tsc"), "-p", "tsconfig.types.json", "--outDir", directory],
    { cwd: projectRoot },
  ).catch((error: { stdout?: string; message: string }) => {
    throw new Error(error.stdout || error.message);
  });
  if (stdout !== "") process.stderr.write(stdout);
  for (const name of await readdir(directory, { recursive: true })) {
    if (!name.endsWith(".d.ts")) continue;
    const file = join(directory, name);
    // The compiler leaves the `.ts` of relative imports in declarations as it is.
    await writeFile(file, (await readFile(file, "utf8")).replace(/((?:from|import\()\s*"\.[^"]*)\.ts"/g, '$1.js"'));
  }
  const forRequire = join(outputDirectory, "types-cjs");
  await cp(directory, forRequire, { recursive: true });
  await writeFile(join(forRequire, "package.json"), '{ "type": "commonjs" }\n');
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) await buildPackage();
