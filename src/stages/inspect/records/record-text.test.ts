import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { cardTextOf, recordTextOf } from "./record-text.ts";

const ISA = `ISA*00*${" ".repeat(10)}*00*${" ".repeat(10)}*ZZ*${"A".repeat(15)}*ZZ*${"B".repeat(15)}*240101*1200*^*00501*000000001*0*P*:~`;
const CDA = (inner: string): string =>
  `<?xml version="1.0"?><ClinicalDocument xmlns="urn:hl7-org:v3">${inner}</ClinicalDocument>`;
const PATIENT_ROLE =
  '<recordTarget><patientRole><id root="2.16.840.1.113883.4.1" extension="219-43-8855"/><id root="1.2" extension="00482913"/>' +
  "<addr><streetAddressLine>12 Elm St</streetAddressLine><city>Salem</city></addr><patient><name><given>Anna</given>" +
  '<family>Sample</family></name><birthTime value="19610314"/></patient></patientRole></recordTarget>';

describe("the fields of a record are told behind their labels", () => {
  test.each<[string, string, readonly string[]]>([
    [
      "HL7 v2",
      "MSH|^~\\&|LAB\rPID|1||00482913^^^L^MR~219438855^^^US^SS||SAMPLE^ANNA^M||19610314|F|||12 ELM ST^^SALEM^MA^01970||(978)555-0143\rOBX|1|NM|4548-4^Hemoglobin A1c^LN||9.1|%",
      [
        "Medical record number: 00482913",
        "SSN: 219438855",
        "Patient Name: Anna M Sample",
        "Date of birth: 1961-03-14",
        "Patient's address: 12 ELM ST, SALEM, MA 01970",
        "Patient's telephone: (978)555-0143",
        "Hemoglobin A1c: 9.1 %",
      ],
    ],
    [
      "HL7 v2 with other marks",
      "MSH|$~\\&|LAB\nPID|1||7$$$L$MR||O\\S\\NEIL$ANNA",
      ["Medical record number: 7", "Patient Name: Anna O$NEIL"],
    ],
    [
      "HL7 v2 with no mark as usual, in a frame of MLLP",
      "\vMSH#*!%+#LAB\rPID#1##482***L*MR##O%S%NEIL*ANNA\r\x1c\r",
      ["MSH|^~\\&|", "Medical record number: 482", "Patient Name: Anna O*NEIL"],
    ],
    [
      "HL7 v2 parted by tabs, in a batch",
      "FHS\t^~\\&\tA\nBHS\t^~\\&\tA\nMSH\t^~\\&\tLAB\nPID\t1\t\t482^^^L^MR\nBTS\t1",
      ["MSH|^~\\&|", "Medical record number: 482"],
    ],
    [
      "HL7 v2 in a quoted mail",
      "Look:\n\n> MSH|^~\\&|LAB\n> PID|1||482^^^L^MR||SAMPLE^ANNA\n> DG1|1||E11.9^Diabetes",
      ["MSH|^~\\&|", "Medical record number: 482", "Patient Name: Anna Sample", "Diagnosis: Diabetes, E11.9"],
    ],
    [
      "HL7 v2 in a line of a log",
      "12:00 INFO got MSH|^~\\&|LAB\\rPID|1||482^^^L^MR||SAMPLE^ANNA\\rDG1|1||E11.9^Diabetes\n12:01 INFO got MSH|^~\\&|LAB<CR>PID|1||483^^^L^MR",
      ["Medical record number: 482", "Diagnosis: Diabetes, E11.9", "Medical record number: 483"],
    ],
    [
      "HL7 v2 in JSON",
      JSON.stringify({ body: "MSH|^~\\&|LAB\rPID|1||482^^^L^MR||SAMPLE^ANNA\r" }),
      ["MSH|^~\\&|", "Medical record number: 482", "Patient Name: Anna Sample"],
    ],
    [
      "HL7 v2 in XML",
      '<?xml version="1.0"?><ADT_A01 xmlns="urn:hl7-org:v2xml"><MSH><MSH.1>|</MSH.1></MSH><PID><PID.3><CX.1>482</CX.1><CX.5>MR</CX.5></PID.3><PID.3><CX.1>219438855</CX.1><CX.5>SS</CX.5></PID.3>' +
        "<PID.5><XPN.1><FN.1>SAMPLE</FN.1></XPN.1><XPN.2>ANNA</XPN.2></PID.5><PID.7><TS.1>19610314</TS.1></PID.7></PID><DG1><DG1.3><CE.1>E11.9</CE.1><CE.2>Diabetes</CE.2></DG1.3></DG1></ADT_A01>",
      [
        "MSH|^~\\&|",
        "Medical record number: 482",
        "SSN: 219438855",
        "Patient Name: Anna Sample",
        "Date of birth: 1961-03-14",
        "Diagnosis: Diabetes, E11.9",
      ],
    ],
    [
      "DICOM in JSON",
      JSON.stringify([
        {
          "00100010": { vr: "PN", Value: [{ Alphabetic: "SAMPLE^ANNA" }] },
          "00100020": { vr: "LO", Value: ["482"] },
          "00100030": { vr: "DA", Value: ["19610314"] },
          "00400275": { vr: "SQ", Value: [{ "00081030": { vr: "LO", Value: ["CT chest"] } }] },
        },
      ]),
      [
        "DICOM record of a patient",
        "Patient Name: Anna Sample",
        "Patient ID: 482",
        "Date of birth: 1961-03-14",
        "Study Description: CT chest",
      ],
    ],
    [
      "DICOM in XML",
      '<NativeDicomModel><DicomAttribute tag="00100010" vr="PN"><PersonName number="1"><Alphabetic><FamilyName>SAMPLE</FamilyName><GivenName>ANNA</GivenName></Alphabetic></PersonName></DicomAttribute>' +
        '<DicomAttribute tag="00400275"><Item><DicomAttribute tag="00081030"><Value>CT chest</Value></DicomAttribute></Item></DicomAttribute></NativeDicomModel>',
      ["DICOM record of a patient", "Patient Name: Anna Sample", "Study Description: CT chest"],
    ],
    [
      "X12 with separators nobody sees",
      `${ISA}ST*837*1~NM1*QC*1*SAMPLE*ANNA~HI*ABK:E119~`
        .replaceAll("*", "\x1d")
        .replaceAll("~", "\x1c")
        .replaceAll(":", "\x1f"),
      ["ST*837*", "Patient Name: Anna Sample", "Diagnosis code: E11.9"],
    ],
    [
      "X12 with separators of its own",
      `${ISA}ST*837*1~NM1*QC*1*SAMPLE*ANNA~SV1*HC:99213*150~`
        .replaceAll("*", "+")
        .replaceAll("~", "'")
        .replaceAll(":", "@"),
      ["ST*837*", "Patient Name: Anna Sample", "Procedure code: 99213"],
    ],
    [
      "X12",
      `${ISA}ST*837*0001~NM1*IL*1*SAMPLE*ANNA****MI*XYZ123~N3*12 ELM ST~N4*SALEM*MA*01970~DMG*D8*19610314*F~REF*SY*219438855~HI*ABK:E119~`,
      [
        "Insured: Anna Sample",
        "Member ID: XYZ123",
        "Address: 12 ELM ST",
        "SALEM, MA 01970",
        "Date of birth: 1961-03-14",
        "SSN: 219438855",
        "Diagnosis code: E11.9",
      ],
    ],
    [
      "FHIR in JSON",
      `\ufeff${JSON.stringify({
        resourceType: "Patient",
        identifier: [
          { type: { coding: [{ code: "MR" }] }, value: "00482913" },
          { system: "http://hl7.org/fhir/sid/us-ssn", value: "219438855" },
        ],
        name: [{ family: "Sample", given: ["Anna", "M"] }],
        birthDate: "1961-03-14",
        telecom: [{ system: "phone", value: "978 555 0143" }],
        address: [{ line: ["12 Elm St"], city: "Salem", state: "MA", postalCode: "01970" }],
        text: { div: "<div>has <b>diab</b>etes</div>" },
      })}`,
      [
        "Medical record number: 00482913",
        "SSN: 219438855",
        "Patient Name: Anna M Sample",
        "Date of birth: 1961-03-14",
        "Patient Telephone: 978 555 0143",
        "Patient Address: 12 Elm St, Salem, MA 01970",
        "has diabetes",
      ],
    ],
    [
      "FHIR in XML",
      '<Patient xmlns="http://hl7.org/fhir"><identifier><value value="00482913"/></identifier><name><family value="Sample"/><given value="Anna"/></name><birthDate value="1961-03-14"/></Patient>',
      ["Patient ID: 00482913", "Patient Name: Anna Sample", "Date of birth: 1961-03-14"],
    ],
    [
      "FHIR in lines",
      '{"resourceType":"Patient","birthDate":"1961-03-14"}\n{"resourceType":"Patient","birthDate":"1970-01-02"}',
      ["Date of birth: 1961-03-14", "Date of birth: 1970-01-02"],
    ],
    [
      "C-CDA",
      CDA(
        `${PATIENT_ROLE}<section><text><table><thead><tr><th>Problem</th><th>MRN</th></tr></thead><tbody><tr><td>diabetes</td><td>00482913</td></tr></tbody></table></text></section>`,
      ),
      [
        "SSN: 219-43-8855",
        "Patient ID: 00482913",
        "Patient Address: 12 Elm St, Salem",
        "Patient Name: Anna Sample",
        "Date of birth: 1961-03-14",
        "Problem: diabetes MRN: 00482913",
      ],
    ],
  ])("%s", (_, text, wanted) => {
    expect(recordTextOf(text).text.split("\n")).toEqual(expect.arrayContaining([...wanted]));
  });

  test("a file within a record is handed on", () => {
    const file = Buffer.from("%PDF-1.4 and more of it than a few characters, so that it counts");
    const base64 = file.toString("base64");
    for (const text of [
      `MSH|^~\\&|LAB\rOBX|1|ED|1^Report||^application^pdf^Base64^${base64}`,
      JSON.stringify({ resourceType: "Binary", contentType: "application/pdf", data: base64 }),
      CDA(
        `<component><nonXMLBody><text mediaType="application/pdf" representation="B64">${base64}</text></nonXMLBody></component>`,
      ),
    ]) {
      expect(recordTextOf(text).files.map(String)).toEqual([String(file)]);
    }
  });
});

test.each([
  [
    "quoted-printable over several lines",
    "N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BC=\r\nller;Anna",
    "Anna Müller",
  ],
  ["quoted-printable in another charset", "NOTE;ENCODING=QUOTED-PRINTABLE;CHARSET=ISO-8859-2:=B1", "ą"],
  ["a date of birth", "BDAY:19610314", "Date of birth: 1961-03-14"],
  ["a participant", 'ATTENDEE;CN="Sample, Anna";ROLE=REQ:mailto:a@example.org', "Sample, Anna"],
  ["a description in HTML", "X-ALT-DESC;FMTTYPE=text/html:<p>diab<b>etes</b></p>", "diabetes"],
])("cards and calendars tell %s", (_, row, shown) => {
  expect(cardTextOf(`BEGIN:VCARD\r\n${row}\r\nEND:VCARD`).text).toBe(shown);
});

test.each<[string, string, readonly string[]]>([
  [
    "rows of a statement",
    "INSERT INTO appt (patientMRN, last_name, reason) VALUES\n('482', 'O''Neil', 'chemo, (new)'),\n(483, NULL, N'HIV');",
    [
      "patient MRN: 482",
      "last name: O'Neil",
      "reason: chemo, (new)",
      "patient MRN: 483",
      "last name: NULL",
      "reason: HIV",
    ],
  ],
  [
    "rows of a table created before",
    "CREATE TABLE `a` (\n  `id` int,\n  `mrn` text,\n  PRIMARY KEY (`id`)\n);\ninsert into `a` values (1,'482'),(2,'483')",
    ["id: 1", "mrn: 482", "id: 2", "mrn: 483"],
  ],
  [
    "rows copied",
    "COPY public.a (mrn, dx) FROM stdin;\n482\tE11\n483\t\\N\n\\.\nSELECT 1;",
    ["mrn: 482", "dx: E11", "mrn: 483"],
  ],
  ["what follows a statement", "INSERT INTO a (b) VALUES (1); Call Anna (2)", ["b: 1"]],
  ["a statement cut short", "INSERT INTO a (b, c) VALUES ('482', 'dia", ["b: 482"]],
])("dumps of databases tell %s", (_, text, lines) => {
  expect(recordTextOf(text).text.split("\n")).toEqual(lines);
});

test("a text without a record costs nothing and tells nothing", () => {
  expect(recordTextOf("The PID of the MSH| process, NM1 and <recordSet>.")).toEqual({ text: "", files: [] });
});

test("whatever a text is, telling it ends, and is not much longer than it", () => {
  const piece = fc.constantFrom(
    "MSH|",
    "PID|",
    "\r",
    "|",
    "^",
    "~",
    "\\",
    "&",
    "NM1*IL*",
    "*",
    "<recordTarget>",
    "<",
    "</",
    '"resourceType"',
    "{",
    '":',
    "}",
    "[",
    "a1",
    '="http://hl7.org/fhir"',
    "<table>",
    "<tr>",
    "<td>",
    "INSERT INTO a (b) VALUES",
    "CREATE TABLE a (\n",
    "COPY a (b) FROM stdin",
    "(",
    "'",
    "\n",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 200 }), (pieces) => {
      const text = pieces.join("");
      expect(recordTextOf(text).text.length).toBeLessThanOrEqual(text.length * 2 + 10_000);
    }),
    { numRuns: 300 },
  );
});
