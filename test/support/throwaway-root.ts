/**
 * A Debian small enough to throw away: the essential packages of this machine and what is asked for, copied from their own files
 * into a folder, with a dpkg database that knows of nothing else. A package is installed there by the real dpkg and run by
 * chroot, so that nothing of this machine is changed and nothing but the declared dependencies is there. Needs root, no mounts.
 */
import { execFile, execFileSync, spawnSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Ran } from "./peers.ts";

const DPKG = "var/lib/dpkg";
/** Merged into /usr on this machine or not: the copy is as it is here. */
const TOP_LINKS = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
const UNUSED =
  /^\/usr\/(?:share\/(?:doc|man|locale|info|lintian|bash-completion|zoneinfo|perl|perl5|i18n)|lib\/(?:locale|udev)|include|src)\//;
const RUN_TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;
const PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

type Paragraph = { readonly name: string; readonly text: string; readonly field: (name: string) => string };

export class ThrowawayRoot {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** `wanted`: packages beside the essential ones; they and what they depend on must be installed on this machine. */
  static create(wanted: readonly string[]): ThrowawayRoot {
    const folder = mkdtempSync(join(tmpdir(), "postern-root-"));
    chmodSync(folder, 0o755);
    const packages = closureOf(wanted);
    for (const name of TOP_LINKS) {
      if (lstatSync(`/${name}`, { throwIfNoEntry: false })?.isSymbolicLink() !== true) continue;
      const target = readlinkSync(`/${name}`);
      mkdirSync(join(folder, target), { recursive: true });
      symlinkSync(target, join(folder, name));
    }
    copyFiles(folder, packages);
    for (const place of [`${DPKG}/updates`, `${DPKG}/info`, "var/log", "etc", "run", "proc", "dev", "tmp"]) {
      mkdirSync(join(folder, place), { recursive: true });
    }
    chmodSync(join(folder, "tmp"), 0o1777);
    writeFileSync(join(folder, DPKG, "status"), `${packages.map(({ text }) => text).join("\n\n")}\n`);
    for (const file of ["passwd", "group"]) {
      cpSync(join(folder, `usr/share/base-passwd/${file}.master`), join(folder, `etc/${file}`));
    }
    for (const [name, minor] of [
      ["null", "3"],
      ["urandom", "9"],
    ] as const) {
      execFileSync("mknod", ["-m", "0666", join(folder, "dev", name), "c", "1", minor]);
    }
    execFileSync("chroot", [folder, "/sbin/ldconfig"]);
    return new ThrowawayRoot(folder);
  }

  path(place: string): string {
    return join(this.folder, place);
  }

  /** The real dpkg on this root; its maintainer scripts run within. */
  dpkg(...args: readonly string[]): Promise<Ran> {
    return ran("dpkg", [`--root=${this.folder}`, ...args]);
  }

  /** A command as root within. */
  run(...command: readonly string[]): Promise<Ran> {
    return ran("chroot", [this.folder, ...command]);
  }

  /** Number of a user within. */
  userId(name: string): number {
    const line = readFileSync(this.path("etc/passwd"), "utf8")
      .split("\n")
      .find((text) => text.startsWith(`${name}:`));
    if (line === undefined) throw new Error(`no user ${name}`);
    return Number(line.split(":")[2]);
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function ran(file: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const options = {
      timeout: RUN_TIMEOUT_MS,
      maxBuffer: OUTPUT_BYTES_MAX,
      encoding: "utf8",
      env: { PATH, LC_ALL: "C" },
    } as const;
    execFile(file, [...args], options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === "number") resolve({ exitCode, stdout, stderr });
      else reject(new Error(`${file} ${args.join(" ")} did not run to its end`, { cause: error }));
    });
  });
}

/** Essential packages, what is wanted, and all they depend on, as installed here. */
function closureOf(wanted: readonly string[]): readonly Paragraph[] {
  const all = readFileSync(join("/", DPKG, "status"), "utf8")
    .trim()
    .split("\n\n")
    .map(toParagraph)
    .filter(({ field }) => field("Status") === "install ok installed");
  const providers = new Map<string, Paragraph>();
  for (const paragraph of all) {
    for (const name of namesOf(paragraph.field("Provides"))) providers.set(name, paragraph);
  }
  for (const paragraph of all) providers.set(paragraph.name, paragraph);
  const taken = new Set<Paragraph>();
  const take = (paragraph: Paragraph): void => {
    if (taken.has(paragraph)) return;
    taken.add(paragraph);
    for (const kind of ["Pre-Depends", "Depends"]) {
      for (const alternatives of paragraph.field(kind).split(",")) {
        const found = namesOf(alternatives.replaceAll("|", ","))
          .map((name) => providers.get(name))
          .find((there) => there !== undefined);
        if (found !== undefined) take(found);
      }
    }
  };
  for (const paragraph of all) if (paragraph.field("Essential") === "yes") take(paragraph);
  for (const name of wanted) {
    const paragraph = providers.get(name);
    if (paragraph === undefined) throw new Error(`the Debian package ${name} is not installed here`);
    take(paragraph);
  }
  return [...taken];
}

function toParagraph(text: string): Paragraph {
  const fields = new Map([...text.matchAll(/^([\w-]+): (.*)$/gm)].map(([, name = "", value = ""]) => [name, value]));
  return { text, name: fields.get("Package") ?? "", field: (name) => fields.get(name) ?? "" };
}

function namesOf(list: string): readonly string[] {
  return list
    .split(",")
    .map((entry) => entry.trim().split(/[\s(:]/, 1)[0] ?? "")
    .filter((name) => name !== "");
}

/** Their files as they lie here, and the lists of them. */
function copyFiles(folder: string, packages: readonly Paragraph[]): void {
  mkdirSync(join(folder, DPKG, "info"), { recursive: true });
  const files = packages.flatMap(({ name, field }) => {
    const list = [`${name}.list`, `${name}:${field("Architecture")}.list`].find((file) =>
      existsSync(join("/", DPKG, "info", file)),
    );
    if (list === undefined) throw new Error(`dpkg has no list of the files of ${name}`);
    cpSync(join("/", DPKG, "info", list), join(folder, DPKG, "info", list));
    return readFileSync(join("/", DPKG, "info", list), "utf8")
      .split("\n")
      .slice(1);
  });
  const wanted = [...new Set(files)].filter(
    (path) =>
      path !== "" &&
      !UNUSED.test(path) &&
      !TOP_LINKS.includes(path.slice(1)) &&
      lstatSync(path, { throwIfNoEntry: false }) !== undefined,
  );
  const archive = spawnSync(
    "tar",
    ["-C", "/", "--no-recursion", "--null", "-T", "-", "-cf", join(folder, "files.tar")],
    {
      input: wanted.map((path) => `.${path}\0`).join(""),
    },
  );
  if (archive.status !== 0) throw new Error(`tar: ${archive.stderr.toString()}`);
  execFileSync("tar", ["-C", folder, "--keep-directory-symlink", "-xpf", join(folder, "files.tar")]);
  rmSync(join(folder, "files.tar"));
}
