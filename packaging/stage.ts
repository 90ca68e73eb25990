/**
 * The tree of the package as it will lie on the machine, and what dpkg needs to know about it.
 * Promises: modes and times are set here, whatever they are in the working copy; nothing is compiled but our own sources.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  cpSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { copyrightFile } from "./copyright.ts";
import { copyModule, productionModules } from "./modules.ts";
import { readJson, readText, ROOT } from "./sources.ts";

export type Facts = {
  readonly version: string;
  readonly architecture: string;
  /** Seconds since the epoch, for every file. */
  readonly date: number;
};

const HOME = "usr/lib/postern";
const DOC = "usr/share/doc/postern";
const PROGRAMS = new Set([`${HOME}/bin/node`, "usr/bin/postern"]);
const SCRIPTS = ["postinst", "prerm", "postrm"] as const;
/** Folders that are only entered by root and the service; postinst gives them to its group. */
const EMPTY_FOLDERS = ["etc/postern/certs", "etc/postern/keys"] as const;

export function stageTree(stage: string, facts: Facts): void {
  chmodSync(stage, 0o755);
  const put = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(stage, path)), { recursive: true });
    writeFileSync(join(stage, path), content);
  };
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(join(stage, to)), { recursive: true });
    cpSync(join(ROOT, from), join(stage, to), { recursive: true, dereference: true });
  };

  compile(join(stage, HOME, "dist"));
  for (const module of productionModules()) copyModule(module, join(stage, HOME));
  put(`${HOME}/package.json`, ownManifest(facts.version));
  for (const step of ["built-packs", "bundle"]) {
    execFileSync(process.execPath, [join(ROOT, `packaging/${step}.ts`), join(stage, HOME, "dist")]);
  }
  mkdirSync(join(stage, HOME, "bin"));
  copyFileSync(join(ROOT, `node_modules/node-linux-${process.arch}/bin/node`), join(stage, HOME, "bin/node"));
  copy("config", `${HOME}/config`);
  copy("packaging/debian/postern", "usr/bin/postern");

  copy("config/dlp", "etc/postern/dlp");
  for (const folder of EMPTY_FOLDERS) mkdirSync(join(stage, folder), { recursive: true });
  for (const unit of readdirSync(join(ROOT, "systemd")).filter((name) => /\.(?:service|socket|timer)$/.test(name))) {
    copy(`systemd/${unit}`, `usr/lib/systemd/system/${unit}`);
  }
  copy("systemd/pictures.conf", `${DOC}/examples/pictures.conf`);
  copy("systemd/sysusers.d/postern.conf", "usr/lib/sysusers.d/postern.conf");
  copy("systemd/tmpfiles.d/postern.conf", "usr/lib/tmpfiles.d/postern.conf");

  copy("docs", `${DOC}/docs`);
  copy("certs/README.md", `${DOC}/certs/README.md`);
  copy("README.md", `${DOC}/README.md`);
  put(`${DOC}/copyright`, copyrightFile());
  put(`${DOC}/changelog.gz`, gzipSync(changelog(facts), { level: 9 }));
  put("usr/share/man/man8/postern.8.gz", gzipSync(manual(stage, facts), { level: 9 }));
  copy("packaging/debian/lintian-overrides", "usr/share/lintian/overrides/postern");

  const files = filesBelow(stage, "");
  put("DEBIAN/control", control(stage, files, facts));
  put(
    "DEBIAN/conffiles",
    files
      .filter((path) => path.startsWith("etc/"))
      .map((path) => `/${path}\n`)
      .join(""),
  );
  put(
    "DEBIAN/md5sums",
    files
      .filter((path) => !path.startsWith("etc/"))
      .map((path) => `${md5(join(stage, path))}  ${path}\n`)
      .join(""),
  );
  for (const script of SCRIPTS) copy(`packaging/debian/${script}`, `DEBIAN/${script}`);
  settle(stage, "", facts.date);
}

/** Our sources as JavaScript, without maps: nothing reads them. */
function compile(target: string): void {
  const args = ["-p", "tsconfig.build.json", "--outDir", target, "--sourceMap", "false"];
  execFileSync(join(ROOT, "node_modules/.bin/tsc"), args, { cwd: ROOT, stdio: ["ignore", "inherit", "inherit"] });
  chmodSync(target, 0o755);
}

function ownManifest(version: string): string {
  const { name, license, type, engines } = readJson("package.json") as Readonly<Record<string, unknown>>;
  return `${JSON.stringify({ name, version, license, type, engines }, null, 2)}\n`;
}

function control(stage: string, files: readonly string[], { version, architecture }: Facts): string {
  const kib = files.reduce((sum, path) => sum + Math.ceil(statSync(join(stage, path)).size / 1024), 0);
  return readText("packaging/debian/control")
    .replace("@VERSION@", version)
    .replace("@ARCHITECTURE@", architecture)
    .replace("@INSTALLED_SIZE@", String(kib));
}

function changelog({ version, date }: Facts): string {
  const day = new Date(date * 1000).toUTCString().replace("GMT", "+0000");
  const { groups: { maintainer = "" } = {} } =
    /^Maintainer: (?<maintainer>.+)$/m.exec(readText("packaging/debian/control")) ?? {};
  return `postern (${version}) stable; urgency=medium\n\n  * Built from its sources; what changed stands in their history.\n\n -- ${maintainer}  ${day}\n`;
}

/** The help of the command line as a manual page. */
function manual(stage: string, { version, date }: Facts): string {
  const help = execFileSync(process.execPath, [join(stage, HOME, "dist/cli/cli.js"), "--help"], {
    encoding: "utf8",
    env: {},
  });
  const day = new Date(date * 1000).toISOString().slice(0, 10);
  const verbatim = help
    .trimEnd()
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll(/^([.'])/gm, "\\&$1");
  return readText("packaging/debian/postern.8")
    .replace("@DATE@", day)
    .replace("@VERSION@", version)
    .replace("@HELP@", () => verbatim);
}

function filesBelow(stage: string, folder: string): readonly string[] {
  return readdirSync(join(stage, folder), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(folder, entry.name);
      return entry.isDirectory() ? filesBelow(stage, path) : [path];
    });
}

function md5(path: string): string {
  return createHash("md5").update(readFileSync(path)).digest("hex");
}

/** Modes and times of everything, leaves first. */
function settle(stage: string, folder: string, date: number): void {
  for (const entry of readdirSync(join(stage, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) settle(stage, path, date);
    else {
      const isProgram = PROGRAMS.has(path) || SCRIPTS.some((script) => path === `DEBIAN/${script}`);
      chmodSync(join(stage, path), isProgram ? 0o755 : 0o644);
      lutimesSync(join(stage, path), date, date);
    }
  }
  chmodSync(join(stage, folder), 0o755);
  lutimesSync(join(stage, folder), date, date);
}
