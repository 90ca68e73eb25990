/** What stands in mail of every kind: the commonest words of English, and numbers that are nobody's. Compiled for Postern. */

import type { LinearPattern } from "../../../stages/inspect/linear-pattern.ts";
import type { Validator } from "../../../stages/inspect/validators.ts";

/** Of everyday numbers, so many may fit a pattern before it is too broad. */
const SHARE_MAX = 0.2;

export const EVERYDAY_WORDS: ReadonlySet<string> = new Set(
  `a about above account across action add address after again against age ago agree all allow almost along already also although
  always am among amount an and another answer any anyone anything appear are area around arrive as ask at available away back bad
  be because become been before began begin behind being believe below best better between big bill book both box break bring
  build building business but buy by call came can car card care carry case cause center change check choose city class clear
  close come common company complete contact continue cost could country course cover create customer cut date day deal decide
  department detail did difference different do does done door down during each early easy email end enough even evening event
  ever every everyone everything example expect fact family far fax feel few field file final find fine first five follow food
  for form found four free friday friend from full game gave general get give go going gone good got great group grow had half
  hand happen hard has have he head hear held hello help her here high him his hold home hope hour house how however hundred i
  idea if important in include information inside interest into invoice is issue it item its january job join july june just keep
  key kind know large last late later law lead learn least leave left less let letter level life like line link list little live
  local long look lot low made mail main make man manager many march market may me mean meet meeting member message might mind
  minute monday money month more morning most move much must my name near need never new news next night no note nothing november
  now number of off offer office often ok old on once one online only open or order other our out over own page paid paper part
  party pay people per person phone place plan play please point possible power present price probably problem process product
  program project provide public put question quick quite read ready real reason receive record report request rest result return
  review right room run said same saturday saw say school second see seem send sent september serial service set seven several
  shall she short should show side since six size small so some someone something soon staff start state stay step still stop
  story street such sunday support sure system take talk team tell ten test than thank thanks that the their them then there
  these they thing think third this those though thought three through thursday ticket time title to today together told tomorrow
  too took toward travel tree try tuesday turn two type under until up update upon us use user value very visit wait walk want
  was water way we website wednesday week welcome well went were what when where whether which while who whole why will wish with
  within without woman word work world would write wrong year yes yesterday yet you young your`.split(/\s+/),
);

/** Dates, times, prices, orders, versions and the like, as they stand in newsletters, invoices, code and logs. */
const EVERYDAY_NUMBERS: readonly string[] = [
  "2026",
  "12/05/2026",
  "2026-05-12",
  "10:30",
  "2026-05-12T10:30:00Z",
  "$45.00",
  "1,250",
  "12.5 %",
  "page 12",
  "room 204",
  "suite 1200",
  "90210",
  "90210-4412",
  "212-555-0147",
  "(212) 555-0147",
  "+1 212 555 0147",
  "555-0147",
  "order 4471902",
  "order #100-2238841",
  "invoice 2026-00417",
  "ticket INC0048213",
  "case 00418822",
  "PO 7781024",
  "1Z999AA10123456784",
  "9400110200881234567890",
  "v3.14.1",
  "10.1.24.8",
  "a4f9c2e17b",
  "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
  "AB1234",
  "AB1234567",
  "X-4471",
  "1699999999",
  "1234567",
  "12345678",
  "123456789",
  "ISBN 9780306406157",
  "4 x 6",
  "24/7",
  "401",
];

/** True where the pattern finds something in the text that passes the checks. */
export function fits(text: string, pattern: LinearPattern, validators: readonly Validator[]): boolean {
  return pattern.search(text, () => false).some(({ value }) => validators.every((validator) => validator(value)));
}

export function fitsEverydayNumbers(pattern: LinearPattern, validators: readonly Validator[]): boolean {
  return everydayNumbersOf(pattern, validators).length > EVERYDAY_NUMBERS.length * SHARE_MAX;
}

export function everydayNumbersOf(pattern: LinearPattern, validators: readonly Validator[]): readonly string[] {
  return EVERYDAY_NUMBERS.filter((text) => fits(text, pattern, validators));
}
