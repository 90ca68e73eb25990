/** Asks for readers while only so many file descriptors are left as the first argument says, and then once more. */
import { closeSync, openSync } from "node:fs";
import { Extraction } from "./extraction.ts";
import { BUDGETS } from "./extraction.samples.ts";
import { zipOf } from "./zip.samples.ts";

const quiet = (): void => undefined;
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet };
const options = { readersMax: 2, readerMemoryBytesMax: 402_653_184, pictures: null };
const pool = new Extraction(options, { log, clock: { monotonic: () => 0 } });
const request = { bytes: zipOf([{ name: "a.txt", content: "x" }]), budgets: BUDGETS };
const taken: number[] = [];
try {
  for (;;) taken.push(openSync("/dev/null", "r"));
} catch {
  // None is left.
}
for (let left = Number(process.argv[2]); left > 0; left -= 1) closeSync(taken.pop() ?? 0);
const kindsOf = async (): Promise<string> => {
  const { items } = await pool.extract(request);
  return items.map((item) => (item.kind === "unread" ? item.reason : item.kind)).join(" ");
};
const pressed = await Promise.all([1, 2, 3, 4].map(kindsOf));
for (const descriptor of taken) closeSync(descriptor);
const relieved = await kindsOf();
await pool.close();
process.stdout.write(JSON.stringify({ pressed, relieved }));
