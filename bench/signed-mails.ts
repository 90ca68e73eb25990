/** Puts a clinic's signature and a long notice below each text of a labelled set: `node bench/signed-mails.ts SET.jsonl.gz > signed.jsonl`, for `postern dlp eval`. */
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";

const END = `

Kind regards,
Front desk
Heart Failure and Diabetes Center, Department of Cardiology
Northgate Medical Center, 12 Mill Road, Mercer, OH 45846
Phone: 212-555-0147

CONFIDENTIALITY NOTICE: This e-mail may contain protected health information, such as diagnosis, treatment,
HIV, mental health, pregnancy or substance abuse records, that is privileged under HIPAA. If you are not the
intended recipient, call us and delete it.
`;

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error("say which set: node bench/signed-mails.ts SET.jsonl.gz");
const bytes = readFileSync(path);
const lines = (path.endsWith(".gz") ? gunzipSync(bytes) : bytes).toString().split("\n");
for (const line of lines.filter((each) => each !== "")) {
  const { id, label, text } = JSON.parse(line) as {
    readonly id: string;
    readonly label: string;
    readonly text: string;
  };
  console.log(JSON.stringify({ id, label, text: `${text}${END}` }));
}
