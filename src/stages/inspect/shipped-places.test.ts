/** What stands in signatures, notices and blank forms, judged by the default pack. */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createInspect } from "./inspect.ts";
import { stillClock } from "./inspect-mails.suite.ts";
import { DEFAULT_INSPECT_OPTIONS } from "./inspect-options.ts";
import { loadPackFile } from "./pack-file.ts";
import { scanBytes } from "./scan.ts";

const loading = loadPackFile(join(import.meta.dirname, "../../../config/dlp/us-hipaa.yaml"));
if (!loading.ok) throw new Error("the shipped pack does not load");
const deps = { packs: [loading.pack], hashKey: new Uint8Array(32), clock: stillClock };
const inspect = createInspect(DEFAULT_INSPECT_OPTIONS, deps);

async function verdictOf(lines: readonly string[], type: "plain" | "html"): Promise<string> {
  const page = `<html><body>${lines.map((line) => `<div>${line === "" ? "<br>" : line}</div>`).join("\n")}</body></html>`;
  const head = ["From: desk@northgate.example", "Subject: Note", `Content-Type: text/${type}`, "", ""];
  const text = head.join("\n") + (type === "html" ? page : lines.join("\n"));
  return (await scanBytes(Buffer.from(text), "a.eml", inspect)).verdict;
}

const notice = (of: string): readonly string[] => [
  "",
  `CONFIDENTIALITY NOTICE: This e-mail may contain protected health information ${of}`,
  "If you are not the intended recipient, delete it.",
];
const RECORDS = "such as HIV, mental health, pregnancy or substance abuse records.";
const CLINIC = [
  "-- ",
  "Front desk",
  "Diabetes and Heart Failure Center, Department of Cardiology",
  "12 Mill Road, Mercer, OH 45846",
  "Phone: 212-555-0147",
];
const FORM = [
  "Patient name: ____________  Date of birth: ________",
  "MRN: ________",
  "Diagnosis:",
  "[ ] Diabetes  [ ] Asthma  [ ] Hypertension",
  "Medication: ____ [ ] insulin [ ] metformin",
];

describe.each(["plain", "html"] as const)("in a text of %s", (type) => {
  test.each<[string, readonly string[]]>([
    ["the signature of a clinic", ["Please order toner.", "", ...CLINIC]],
    ["such a signature behind a closing", ["Please order toner.", "", "Kind regards,", ...CLINIC.slice(1)]],
    ["a notice below an account number", ["Please pay account number 99887766.", ...notice(RECORDS)]],
    ["a notice below a name", ["Please call Mr. Boateng about the parking.", ...notice(RECORDS)]],
    ["a notice below a telephone number", ["Call me on my cell phone 212-555-0147.", ...notice(RECORDS)]],
    ["a notice below a date of a visit", ["The visit on 03/14/2024 at the hospital was fine.", ...notice(RECORDS)]],
    ["a blank form", ["Here it is:", ...FORM]],
    ["a blank form below a telephone number", ["Call the patient line, phone 212-555-0147, or fill in:", ...FORM]],
    ["a blank form below a name", ["Patient Anna Sample needs the form:", ...FORM]],
    ["a blank form below a date", ["For the visit on 03/14/2024 please fill in:", ...FORM]],
  ])("%s makes no mail PHI", async (_, lines) => {
    expect(await verdictOf(lines, type)).toBe("clean");
  });

  test.each<[string, readonly string[]]>([
    ["a patient with drugs below the dashes", ["see below", "-- ", "Patient John Smith", "pneumonia, azithromycin"]],
    ["a record number there with any word of care", ["see below", "-- ", "MRN 00482913 clinic visit"]],
    ["an SSN there with a diagnosis", ["see below", "-- ", "SSN 219-43-8855 diabetes"]],
    ["a birth there with a diagnosis", ["see below", "-- ", "DOB 03/14/1961 schizophrenia"]],
    ["a telephone number there with drugs", ["x", "-- ", "her cell phone 212-555-0147", "pneumonia, azithromycin"]],
    ["a patient above and drugs below the dashes", ["Patient John Smith", "-- ", "pneumonia, azithromycin"]],
    ["a record number above and drugs below", ["MRN 00482913", "-- ", "pneumonia, azithromycin"]],
    ["a telephone number above and drugs below", ["her cell phone 212-555-0147", "-- ", "pneumonia, azithromycin"]],
    ["a patient in a notice", ["x", ...notice("of John Smith, tested positive for HIV, on dolutegravir.")]],
    ["a record number in a notice", ["x", ...notice("of MRN 00482913, HIV.")]],
    ["a text above a notice without a blank line", ["MRN 00482913 started metformin.", ...notice(".").slice(1)]],
    ["a patient in a line with a gap", ["x", "", "John Smith HIV positive ____", "Medication: ____ dolutegravir"]],
    ["a form with its values", ["Patient name: John Smith  Date of birth: 03/14/1961", "[x] Diabetes [ ] Asthma"]],
    ["a quoted patient", ["see below", "> Patient John Smith", "> pneumonia, azithromycin"]],
    ["a quoted signature", ["see below", "> her cell phone 212-555-0147", "> -- ", "> pneumonia, azithromycin"]],
  ])("%s counts", async (_, lines) => {
    expect(await verdictOf(lines, type)).toBe("phi");
  });
});
