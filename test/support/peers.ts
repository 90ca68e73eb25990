/**
 * Mail programs that others wrote, as peers in tests: is the program there, run it, read what it said.
 * Promises: with CI set a missing program is a failed test, elsewhere a skip that names the Debian package. Starts nothing
 * that outlives its call; servers are peers-postfix.ts and peers-unbound.ts.
 */
import { execFile, spawnSync } from "node:child_process";
import { accessSync, constants, existsSync } from "node:fs";
import { PHI_DATA } from "./phi-data.ts";
import { TRANSPORT_DATA } from "./transport-data.ts";

type Program =
  | "postfix"
  | "swaks"
  | "openssl"
  | "strace"
  | "promtool"
  | "systemd"
  | "dpkg"
  | "lintian"
  | "unbound"
  | "ldnsutils"
  | "antiword"
  | "catdoc"
  | "tnef"
  | "iproute2"
  | "dcmtk"
  | "qpdf"
  | "zip"
  | "tesseract";
/** What is no program, but missing in the same way. */
type Peer = Program | "transport-data" | "phi-data";

/** What is missing for this peer, in words for whoever runs the tests; null where nothing is. */
const LACKS: Readonly<Record<Peer, () => string | null>> = {
  postfix() {
    if (!isExecutable("/usr/lib/postfix/sbin/master")) return "the Debian package postfix";
    return process.getuid?.() === 0 ? null : "root, because Postfix changes to users of its own (package postfix)";
  },
  swaks() {
    if (!isExecutable("/usr/bin/swaks")) return "the Debian package swaks";
    const { stdout } = spawnSync("/usr/bin/swaks", ["--support"], { encoding: "utf8", timeout: 10_000 });
    return stdout.includes("TLS supported") ? null : "the Debian package libnet-ssleay-perl";
  },
  openssl: () => (isExecutable("/usr/bin/openssl") ? null : "the Debian package openssl"),
  promtool: () => (isExecutable("/usr/bin/promtool") ? null : "the Debian package prometheus"),
  unbound: () => (isExecutable("/usr/sbin/unbound") ? null : "the Debian package unbound"),
  ldnsutils: () => (isExecutable("/usr/bin/ldns-signzone") ? null : "the Debian package ldnsutils"),
  antiword: () => (isExecutable("/usr/bin/antiword") ? null : "the Debian package antiword"),
  catdoc: () => (isExecutable("/usr/bin/catdoc") ? null : "the Debian package catdoc"),
  tnef: () => (isExecutable("/usr/bin/tnef") ? null : "the Debian package tnef"),
  iproute2: () => (isExecutable("/usr/sbin/ip") || isExecutable("/sbin/ip") ? null : "the Debian package iproute2"),
  tesseract() {
    if (!isExecutable("/usr/bin/tesseract")) return "the Debian package tesseract-ocr";
    if (!isExecutable("/usr/bin/bwrap")) return "the Debian package bubblewrap";
    const { status } = spawnSync("/usr/bin/bwrap", ["--unshare-all", "--ro-bind", "/", "/", "/usr/bin/true"]);
    return status === 0 ? null : "leave to make namespaces (bubblewrap)";
  },
  dcmtk: () => (isExecutable("/usr/bin/dump2dcm") ? null : "the Debian package dcmtk"),
  qpdf: () => (isExecutable("/usr/bin/qpdf") ? null : "the Debian package qpdf"),
  zip() {
    if (!isExecutable("/usr/bin/zip")) return "the Debian package zip";
    return isExecutable("/usr/bin/7z") ? null : "the Debian package p7zip-full";
  },
  "transport-data": () => (existsSync(TRANSPORT_DATA) ? null : "the vectors and signed zones of shared/data/transport"),
  "phi-data": () => (existsSync(PHI_DATA) ? null : "the labelled texts and mails of shared/data/phi"),
  strace() {
    if (!isExecutable("/usr/bin/strace")) return "the Debian package strace";
    const { status } = spawnSync("/usr/bin/strace", ["-o", "/dev/null", "true"], { timeout: 10_000 });
    return status === 0 ? null : "leave to trace processes (ptrace; package strace)";
  },
  lintian: () => (isExecutable("/usr/bin/lintian") ? null : "the Debian package lintian"),
  dpkg() {
    if (!isExecutable("/usr/bin/dpkg-deb")) return "dpkg, which Debian has";
    return process.getuid?.() === 0 ? null : "root, because packages are installed into a root of their own";
  },
  // Its tools alone: no test needs a machine that systemd booted.
  systemd: () => (isExecutable("/usr/bin/systemd-socket-activate") ? null : "the Debian package systemd"),
};

/** For `describe.skipIf(areMissing)`; `note` belongs behind the title and says what to install. */
export type Presence = { readonly areMissing: boolean; readonly note: string };

/** Throws where the tests must not be skipped. */
export function peers(...wanted: readonly [Peer, ...Peer[]]): Presence {
  const lacks = wanted.map((peer) => LACKS[peer]()).filter((lack) => lack !== null);
  if (lacks.length === 0) return { areMissing: false, note: "" };
  const note = ` (needs ${lacks.join(" and ")})`;
  if (isCi()) throw new Error(`a peer is missing, and with CI set none may be${note}`);
  console.warn(`tests are skipped${note}`);
  return { areMissing: true, note };
}

function isCi(): boolean {
  const { CI } = process.env;
  return CI !== undefined && CI !== "" && CI !== "false" && CI !== "0";
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export type Ran = { readonly exitCode: number; readonly stdout: string; readonly stderr: string };

const RUN_TIMEOUT_MS = 20_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Runs a program to its end; an exit code is an answer, a program that cannot start or does not end is an error. */
export function run(file: string, args: readonly string[], input: Uint8Array = Buffer.alloc(0)): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const options = { timeout: RUN_TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX, encoding: "latin1" } as const;
    const child = execFile(file, [...args], options, (error, stdout, stderr) => {
      const exitCode = error === null ? 0 : error.code;
      if (typeof exitCode === "number") resolve({ exitCode, stdout, stderr });
      else reject(new Error(`${file} did not run to its end`, { cause: error }));
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input);
  });
}
