/** What the sender's client encrypted beside text that can be read: the text is judged, and the rest is told as unread. */
import { expect, test } from "vitest";
import { base64, inspectMail, mixed } from "./inspect-mails.suite.ts";

const PHI = "MRN 00482913 has diabetes";
const ENVELOPED = base64(Buffer.from("301206092a864886f70d010703a0053003020100", "hex"));
const smime = [
  "Content-Type: application/pkcs7-mime; name=smime.p7m",
  "Content-Transfer-Encoding: base64",
  "",
  ENVELOPED,
];
const block = [
  "-----BEGIN PGP MESSAGE-----",
  "",
  base64(Buffer.from("c103030102d20401aabbcc", "hex")),
  "-----END PGP MESSAGE-----",
];
const signed = ["-----BEGIN PGP SIGNED MESSAGE-----", "", "hello"];

test.each<[string, readonly string[], string, boolean]>([
  ["an S/MIME part beside PHI", mixed([["", PHI], smime]), "phi", true],
  ["an S/MIME part beside a greeting", mixed([["", "hello"], smime]), "protected", true],
  ["an OpenPGP block below PHI", ["", PHI, "", ...block], "phi", true],
  ["an OpenPGP block between two sentences", ["", "hello", "", ...block, "", "bye"], "protected", true],
  ["an OpenPGP block in HTML", ["Content-Type: text/html", "", "<pre>", ...block, "</pre><p>bye"], "protected", true],
  ["a signed text", ["", ...signed], "clean", false],
  ["PHI alone", ["", PHI], "phi", false],
])("%s", async (_, mail, verdict, holdsEncrypted) => {
  const findings = await inspectMail(mail);
  expect([findings.verdict, findings.holdsEncrypted === true]).toEqual([verdict, holdsEncrypted]);
});
