/** Rules about the repository: it names no machine, no registry, and no version but an exact one. */
import type { Tree, Violation } from "./tree.ts";

/** Homes and work folders of a machine, as they slip into texts. */
const MACHINE_PATH = /(?<![\w.@:/-])\/(?:work|home|Users|root|mnt|private\/tmp)\/[\w.-]+/;
const REGISTRY =
  /\bregistry\.[a-z0-9-]+\.[a-z]{2,}|https?:\/\/[^\s/"']*(?:registry|artifactory|nexus|verdaccio|proxy\.golang)[^\s"']*/i;
const EXACT = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;
/** This file spells the patterns out. */
const OWN = "test/tidy/repository-rules.ts";

export function checkTraces(tree: Tree): readonly Violation[] {
  return tree.texts
    .filter(({ path }) => path !== OWN)
    .flatMap(({ path, text }) =>
      text.split("\n").flatMap((line, i) => {
        if (MACHINE_PATH.test(line))
          return [{ rule: "machine-path", path, line: i + 1, message: "names a folder of one machine" }];
        return REGISTRY.test(line)
          ? [{ rule: "registry", path, line: i + 1, message: "names a package registry" }]
          : [];
      }),
    );
}

type Manifest = Readonly<Record<string, Readonly<Record<string, string>> | undefined>>;

export function checkVersions(tree: Tree): readonly Violation[] {
  const file = tree.texts.find(({ path }) => path === "package.json");
  if (file === undefined) return [];
  const manifest = JSON.parse(file.text) as Manifest;
  const kinds = ["dependencies", "devDependencies", "optionalDependencies"];
  return kinds.flatMap((kind) =>
    Object.entries(manifest[kind] ?? {})
      .filter(([, version]) => !EXACT.test(version))
      .map(([name]) => ({
        rule: "version",
        path: "package.json",
        line: file.text.split("\n").findIndex((line) => line.includes(`"${name}":`)) + 1,
        message: `${name} has no exact version`,
      })),
  );
}
