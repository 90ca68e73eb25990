/**
 * Finds structured records in a text and tells them as labelled lines: HL7 v2, X12, FHIR, C-CDA, cards and calendars,
 * Office documents in XML, dumps of databases.
 * Promises: a text without any of their marks costs a few searches; what is told is no longer than the text and a little more.
 */
import { hasCda, tellCda } from "./cda-text.ts";
import { tellCards } from "./card-text.ts";
import { hasFhirJson, hasFhirXml, tellFhirJson, tellFhirXml } from "./fhir-text.ts";
import { hasHl7, tellHl7 } from "./hl7-text.ts";
import { hasHl7Xml, tellHl7Xml } from "./hl7-xml-text.ts";
import { hasDicomJson, hasDicomXml, tellDicomJson, tellDicomXml } from "./dicom-model-text.ts";
import { hasOfficeXml, tellOfficeXml } from "./office-xml-text.ts";
import { RecordLines } from "./record-lines.ts";
import { hasSql, tellSql } from "./sql-text.ts";
import { hasX12, tellX12 } from "./x12-text.ts";

type Format = { readonly has: (text: string) => boolean; readonly tell: (text: string, lines: RecordLines) => void };

const FORMATS: readonly Format[] = [
  { has: hasHl7, tell: tellHl7 },
  { has: hasHl7Xml, tell: tellHl7Xml },
  { has: hasX12, tell: tellX12 },
  { has: hasFhirJson, tell: tellFhirJson },
  { has: hasFhirXml, tell: tellFhirXml },
  { has: hasCda, tell: tellCda },
  { has: hasDicomJson, tell: tellDicomJson },
  { has: hasDicomXml, tell: tellDicomXml },
  { has: hasOfficeXml, tell: tellOfficeXml },
  { has: hasSql, tell: tellSql },
];
const CHARS_BEYOND_MAX = 10_000;

export type RecordText = { readonly text: string; readonly files: readonly Buffer[] };
const NOTHING: RecordText = { text: "", files: [] };

export function recordTextOf(text: string): RecordText {
  const found = FORMATS.filter(({ has }) => has(text));
  if (found.length === 0) return NOTHING;
  const lines = new RecordLines(text.length + CHARS_BEYOND_MAX);
  for (const { tell } of found) tell(text, lines);
  return { text: lines.text, files: lines.files };
}

export function cardTextOf(unfolded: string): RecordText {
  const lines = new RecordLines(unfolded.length + CHARS_BEYOND_MAX);
  tellCards(unfolded, lines);
  return { text: lines.text, files: lines.files };
}
