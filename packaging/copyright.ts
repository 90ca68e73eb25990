/** debian/copyright in its machine-readable form: Postern, Node, and every npm package that goes along, with the words of its licence. */
import { licenceFiles, productionModules } from "./modules.ts";
import type { Module } from "./modules.ts";
import { readJson, readText } from "./sources.ts";

const FORMAT = "https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/";

export function copyrightFile(): string {
  const node: Module = {
    path: `node_modules/node-linux-${process.arch}`,
    name: "node",
    version: process.versions.node,
    licence: "MIT",
  };
  const paragraphs = [
    [`Format: ${FORMAT}`, "Upstream-Name: postern"].join("\n"),
    ["Files: *", "Copyright: The Postern authors", "License: Apache-2.0", indented(APACHE_NOTICE)].join("\n"),
    paragraphOf("usr/lib/postern/bin/node", node),
    ...productionModules().map((module) => paragraphOf(`usr/lib/postern/${module.path}/*`, module)),
  ];
  return `${paragraphs.join("\n\n")}\n`;
}

const APACHE_NOTICE = `Licensed under the Apache License, Version 2.0. On Debian systems the whole text is in
/usr/share/common-licenses/Apache-2.0.`;

function paragraphOf(files: string, module: Module): string {
  const text = licenceFiles(module).map(readText).join("\n");
  const holders = text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^(?:copyright|\(c\)|©)[\s:(]/i.test(line));
  const [first = authorOf(module), ...more] = [
    ...new Set(holders.map((line) => line.replace(/^copyright:?\s*/i, ""))),
  ].slice(0, 20);
  const body =
    module.licence === "Apache-2.0"
      ? APACHE_NOTICE
      : text.trim() === ""
        ? `${module.licence}, as its package.json says.`
        : text.trim();
  return [
    `Files: ${files}`,
    `Copyright: ${[first, ...more].join("\n           ")}`,
    // A name of its own for each: two packages of one licence differ in their words.
    `License: ${module.licence.replaceAll(/[^\w.+-]+/g, "-")}-of-${module.name.replaceAll(/[^\w.+-]+/g, "-")}`,
    `Comment: ${module.name} ${module.version}, ${module.licence}`,
  ]
    .toSpliced(3, 0, indented(body))
    .join("\n");
}

function authorOf({ path, name }: Module): string {
  const { author } = readJson(`${path}/package.json`) as { readonly author?: string | { readonly name?: string } };
  const named = typeof author === "string" ? author : author?.name;
  return named ?? `the authors of ${name}`;
}

/** Every line begins with a blank, an empty one is a dot. */
function indented(text: string): string {
  return text
    .split("\n")
    .map((line) => (line.trim() === "" ? " ." : ` ${line.trimEnd().replaceAll("\t", "  ")}`))
    .join("\n");
}
