/** Writes the tests of a rule pack as a labelled set: `node bench/pack-tests.ts PACK.yaml > pack-tests.jsonl`, for `postern dlp weigh`. */
import { readFileSync } from "node:fs";
import { parseYamlFile } from "../src/parts/config/yaml-document.ts";
import { packSchema } from "../src/stages/inspect/pack-schema.ts";

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("say which pack: node bench/pack-tests.ts PACK.yaml");
const reading = parseYamlFile(readFileSync(path, "utf8"), path, packSchema);
if (!reading.ok) throw new Error("the pack has errors; postern dlp check names them");
for (const [index, { from, list_id: listId, subject, text = "", expect }] of reading.value.tests.entries()) {
  const fields = [
    from === undefined ? [] : [`From: ${from}`],
    listId === undefined ? [] : [`List-Id: ${listId}`],
    subject === undefined ? [] : [`Subject: ${subject}`],
    ["Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit"],
  ].flat();
  const raw = Buffer.from(`${fields.join("\r\n")}\r\n\r\n${text}\r\n`).toString("latin1");
  console.log(JSON.stringify({ id: `test-${index + 1}`, label: expect.length > 0 ? "phi" : "clean", raw }));
}
