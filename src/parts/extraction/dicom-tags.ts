/**
 * Names of the DICOM attributes that say something of a patient, a stay or a finding (PS3.6), in the words a reader would label
 * them with. Promises: pure. Attributes not named here are told all the same, without a name.
 */

/** Group and element in eight hexadecimal digits, and the name. */
const NAMES = `
00041130 File set
00041500 File
00080020 Study Date
00080021 Series Date
00080022 Acquisition Date
00080023 Content Date
0008002a Acquisition Date
00080050 Accession Number
00080060 Modality
00080070 Manufacturer
00080080 Institution
00080081 Institution Address
00080090 Referring Physician
00080092 Referring Physician's Address
00080094 Referring Physician's Telephone
0008009c Consulting Physician
00080104 Meaning
00081010 Station
00081030 Study Description
0008103e Series Description
00081040 Department
00081048 Physician of Record
00081050 Performing Physician
00081060 Reading Physician
00081070 Operator
00081080 Admitting Diagnosis
00081090 Model
00082111 Derivation
00084000 Comments
00100010 Patient Name
00100020 Patient ID
00100021 Issuer of Patient ID
00100030 Date of birth
00100032 Time of birth
00100040 Sex
00101000 Patient ID
00101001 Patient Name
00101005 Patient Name at birth
00101010 Patient's Age
00101020 Patient's Size
00101030 Patient's Weight
00101040 Patient's Address
00101050 Insurance plan ID
00101060 Mother's birth name
00101080 Military Rank
00101090 Medical Record
00102000 Medical Alerts
00102110 Allergies
00102150 Country
00102152 Region
00102154 Patient's Telephone
00102155 Patient's Telecom
00102160 Ethnic Group
00102180 Occupation
001021a0 Smoking Status
001021b0 Patient History
001021c0 Pregnancy Status
001021d0 Last menstrual period
001021f0 Religion
00102297 Responsible Person
00104000 Patient Comments
00180010 Contrast
00180015 Body Part
00181000 Device serial number
00181030 Protocol
00200010 Study ID
00204000 Image Comments
00321032 Requesting Physician
00321033 Requesting Service
00321060 Requested Procedure
00321030 Reason for Study
00321070 Contrast
00324000 Study Comments
00380010 Encounter number
00380020 Admission Date
00380030 Discharge Date
00380040 Discharge Diagnosis
00380050 Special Needs
00380300 Patient's Room
00380400 Patient's Institution
00380500 Patient State
00380060 Encounter number
00384000 Visit Comments
00400006 Performing Physician
00400007 Procedure
00400254 Procedure
00400275 Request
00400280 Procedure Comments
00401002 Reason for Procedure
00401010 Recipient of Results
00401400 Procedure Comments
00402016 Placer Order Number
00402017 Filler Order Number
00402400 Imaging Comments
0040a027 Verifying Organization
0040a075 Verifying Observer
0040a120 Date and time
0040a121 Date
0040a122 Time
0040a123 Person Name
0040a124 UID
0040a160 Text
0040a30a Value
00420010 Document Title
00700006 Text
00700080 Content Label
00700081 Content Description
00700084 Content Creator
20300020 Text
40080042 Results ID
4008010b Interpretation
4008010c Interpretation Author
40080114 Physician Approving Interpretation
40080115 Diagnosis
40080300 Impressions
40084000 Results Comments
`;

export const TAG_NAMES: ReadonlyMap<number, string> = new Map(
  NAMES.trim()
    .split("\n")
    .map((line) => [Number.parseInt(line.slice(0, 8), 16), line.slice(9)] as const),
);

export const TAG = {
  transferSyntax: 0x00020010,
  characterSet: 0x00080005,
  codeMeaning: 0x00080104,
  conceptName: 0x0040a043,
  encapsulatedDocument: 0x00420011,
  item: 0xfffee000,
  itemEnd: 0xfffee00d,
  sequenceEnd: 0xfffee0dd,
} as const;

/** Whoever fills one of these has a patient in mind. */
export const PATIENT_TAGS: ReadonlySet<number> = new Set([
  0x00080050, 0x00100010, 0x00100020, 0x00100030, 0x00101000, 0x00101001, 0x00101005, 0x00101040, 0x00101050,
  0x00101060, 0x00101090, 0x00102154, 0x00102155, 0x001021b0, 0x00102297, 0x00104000, 0x00380010, 0x00380060,
]);

/** Values of structured reports, named by the concept before them. */
export const REPORT_VALUES: ReadonlySet<number> = new Set([
  0x0040a120, 0x0040a121, 0x0040a122, 0x0040a123, 0x0040a160, 0x0040a30a,
]);

/** Of an implicit data set, where no representation stands beside the tag: names of people, and sequences. */
export const NAME_TAGS: ReadonlySet<number> = new Set([
  0x00080090, 0x0008009c, 0x00081048, 0x00081050, 0x00081060, 0x00081070, 0x00100010, 0x00101001, 0x00101005,
  0x00101060, 0x00102297, 0x00321032, 0x00400006, 0x00401010, 0x0040a075, 0x0040a123, 0x00700084, 0x4008010c,
  0x40080114,
]);
export const DATE_TAGS: ReadonlySet<number> = new Set([
  0x00080020, 0x00080021, 0x00080022, 0x00080023, 0x00100030, 0x001021d0, 0x00380020, 0x00380030, 0x0040a121,
]);

/** Pixel data, in integers, floats, doubles; data of overlays, which lie over the picture. */
export function isPicture(tag: number): boolean {
  const isOverlay = tag >>> 24 === 0x60 && (tag & 0xffff) === 0x3000;
  return tag === 0x7fe00010 || tag === 0x7fe00008 || tag === 0x7fe00009 || isOverlay;
}

/** Odd groups are whatever a manufacturer made them. */
export function isPrivate(tag: number): boolean {
  return ((tag >>> 16) & 1) === 1;
}
