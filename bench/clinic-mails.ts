/** Writes the mails of test/fixtures/clinic-mail as messages: `node bench/clinic-mails.ts FOLDER`, for `postern dlp eval FOLDER`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { clinicMails } from "../test/support/clinic-mails.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new Error("say where to: node bench/clinic-mails.ts FOLDER");
for (const { id, label, bytes } of clinicMails()) {
  mkdirSync(join(folder, label), { recursive: true });
  writeFileSync(join(folder, label, `${id}.eml`), bytes);
}
