/**
 * Puts the modules that the command line, the service and its inspection thread load together into few files, in place, for a quicker
 * start: `node packaging/bundle.ts DIST`, DIST as the compiler wrote it.
 * Promises: other threads, and the reader processes, whose reach is bounded by path, stay as compiled; a module finds what lies
 * beside it where it was. Nothing is renamed or made smaller: traces stay readable.
 */
import { chmodSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, relative, resolve } from "node:path";
import { rolldown } from "rolldown";
import type { Plugin } from "rolldown";
import { ROOT } from "./sources.ts";

/** Loaded at every start and made of many small files; all else is loaded late, or finds files of its own by its place. */
const INLINED = new Set(["commander", "yaml", "zod"]);
const ENTRY = "cli/cli";
/** As deep as the entry, so that one path leads from either to a module's place. */
const CHUNKS = "chunks";
/** Started by its place, where a line is left that leads to the chunk. */
const THREAD = "stages/inspect/inspect-thread.js";
const THREAD_ENTRY = `${CHUNKS}/${basename(THREAD, ".js")}`;

const dist = resolve(process.argv[2] ?? join(ROOT, "dist"));

/** Modules name what lies beside them by `import.meta.url`: it stays that of the module. */
const ownPlaces: Plugin = {
  name: "own-places",
  transform(code, id) {
    if (!id.startsWith(dist) || !code.includes("import.meta.url")) return null;
    const place = JSON.stringify(relative(dirname(join(dist, ENTRY)), id));
    return code.replaceAll("import.meta.url", `new URL(${place}, import.meta.url).href`);
  },
};

/** `zod/v4` is of zod, `@pinojs/redact` of itself. */
function isLeftOut(specifier: string): boolean {
  if (/^[./]/.test(specifier)) return false;
  return !INLINED.has(specifier.split("/", 1)[0] ?? "");
}

const bundle = await rolldown({
  // Names of modules stand in comments: of the same sources the same bytes, wherever they are built.
  cwd: dist,
  input: { [ENTRY]: join(dist, `${ENTRY}.js`), [THREAD_ENTRY]: join(dist, THREAD) },
  platform: "node",
  external: isLeftOut,
  plugins: [ownPlaces],
});
rmSync(join(dist, CHUNKS), { recursive: true, force: true });
await bundle.write({
  dir: dist,
  format: "esm",
  entryFileNames: "[name].js",
  chunkFileNames: `${CHUNKS}/[name].js`,
});
await bundle.close();
writeFileSync(join(dist, THREAD), `import ${JSON.stringify(relative(dirname(THREAD), `${THREAD_ENTRY}.js`))};\n`);
chmodSync(join(dist, `${ENTRY}.js`), 0o755);
