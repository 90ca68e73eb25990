/** Writes a batch of the mails of test/fixtures/clinic-mail as messages: `node bench/clinic-mails.ts FOLDER [BATCH]`, for `postern dlp eval FOLDER`. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { BATCHES, clinicMails } from "../test/support/clinic-mails.ts";

const [folder, name = "."] = process.argv.slice(2);
const batch = BATCHES.find((each) => each === name);
if (folder === undefined || batch === undefined)
  throw new Error(`say where to, and which of ${BATCHES.join(", ")}: node bench/clinic-mails.ts FOLDER [BATCH]`);
for (const { id, label, bytes } of clinicMails(batch)) {
  mkdirSync(join(folder, label), { recursive: true });
  writeFileSync(join(folder, label, `${id}.eml`), bytes);
}
