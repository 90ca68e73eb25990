/** The folder everything is taken from, and how its files are read. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("..", import.meta.url));

export function readText(path: string): string {
  return readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
}

export function readJson(path: string): unknown {
  return JSON.parse(readText(path));
}
