/** The law of the house as tables: who may import whom, which package lives where, what stands where, and how big. */

/** Parts a part may import. A part that is not listed imports none. */
export const PART_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  config: ["dns", "edm", "keys", "smtp"],
  store: ["failpoint", "keys"],
  sts: ["dns"],
  tlsrpt: ["dane"],
};

/** Folders of src whose files may import an npm package. Tests and test/ may import any. */
export const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  asn1js: ["parts/keys"],
  "better-sqlite3": ["parts/store"],
  commander: ["cli"],
  dns2: ["parts/dns", "cli/loopback"],
  "iconv-lite": ["parts/mime"],
  libmime: ["parts/mime"],
  mailauth: ["parts/dkim"],
  mailparser: ["parts/mime"],
  nodemailer: ["parts/mime"],
  openpgp: ["parts/keys", "stages/protect"],
  pino: ["parts/log"],
  "prom-client": ["parts/metrics"],
  pkijs: ["parts/keys"],
  unpdf: ["parts/extraction"],
  "smtp-server": ["stages/accept", "cli/loopback"],
  yaml: ["parts/config"],
  zod: ["parts/config", "stages/inspect"],
};

/** Modules of node that an import, which reads all they export, makes load far more than is used. */
export const HEAVY_MODULES: ReadonlySet<string> = new Set(["node:http"]);

/** Expressions with a fixed place: `new Date` without arguments, and these members. */
export const PLACED_MEMBERS: readonly string[] = [
  "Date.now",
  "Math.random",
  "process.env",
  "performance.now",
  "console",
];
export const PLACES: readonly RegExp[] = [
  /^src\/main\.ts$/,
  /^src\/cli\//,
  /^test\//,
  /^bench\//,
  /\.(?:test|suite|samples|fixture)\.ts$/,
];

export const FILE_LINES_MAX = 400;
export const FUNCTION_LINES_MAX = 60;
export const POSITIONAL_PARAMETERS_MAX = 3;

export const FORBIDDEN_FOLDERS = /^(?:utils?|common|helpers?|libs?|misc|shared)$/;

/** One short catalogue per area: its name and its constant say what a header would. */
export const HEADER_EXEMPT = /^src\/core\/codes\//;

/** A checker that sees nothing must fail. */
export const SOURCE_FILES_MIN = 100;
export const IMPORT_EDGES_MIN = 300;
export const CODES_MIN = 50;
export const LOG_CALLS_MIN = 40;

/** Folders nobody tracks. */
export const UNTRACKED = new Set([".git", ".tmp", "coverage", "dist", "dist-package", "node_modules"]);
