/**
 * The named checks a detector may put on a value it found: ranges, check digits, plausibility.
 * Promises: pure, total, linear in the length of the value. A check digit multiplies precision by about ten, no more:
 * a label or a health term is still needed. Sources: SSA publication on SSN randomisation (area, group and serial rules),
 * CMS MBI format, ISO/IEC 7812 Annex B (Luhn), 45 CFR 162.406 with CMS NPI check digit, 21 CFR 1301 usage for DEA
 * numbers, ISO 13616 (IBAN), ISO 3779 with 49 CFR 565 (VIN), ABA routing number policy, GS1 (UDI), LOINC Users' Guide, 21 CFR 207.33 (NDC).
 */

export type Validator = (value: string) => boolean;

/** Numbers printed on specimen cards and in advertisements; never anybody's. */
const SPECIMEN_SSN = new Set(["078051120", "219099999", "123456789", "111111111", "987654321"]);

function digitsOf(value: string): string {
  return value.replace(/\D/g, "");
}

function isSsn(value: string): boolean {
  const digits = digitsOf(value);
  if (digits.length !== 9 || SPECIMEN_SSN.has(digits)) return false;
  const area = Number(digits.slice(0, 3));
  return area !== 0 && area !== 666 && area < 900 && digits.slice(3, 5) !== "00" && digits.slice(5) !== "0000";
}

function luhnSum(digits: string): number {
  let sum = 0;
  for (let i = 0; i < digits.length; i += 1) {
    const digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    const doubled = i % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum;
}

function isLuhn(value: string): boolean {
  const digits = digitsOf(value);
  return digits.length > 1 && luhnSum(digits) % 10 === 0;
}

/** Issuer ranges of the large card schemes with the lengths they use. */
const CARD =
  /^(?:4\d{12}(?:\d{3})?(?:\d{3})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d{2}|7[01]\d|720)\d{12}|3[47]\d{13}|6(?:011|5\d{2}|4[4-9]\d)\d{12}|35(?:2[89]|[3-8]\d)\d{12}|3(?:0[0-5]|[68]\d)\d{11})$/;

function isCard(value: string): boolean {
  const digits = digitsOf(value);
  return CARD.test(digits) && isLuhn(digits) && isNotRepeated(digits);
}

function isNpi(value: string): boolean {
  const digits = digitsOf(value);
  return /^[12]\d{9}$/.test(digits) && luhnSum(`80840${digits}`) % 10 === 0;
}

function isDea(value: string): boolean {
  const match = /^[A-Z][A-Z9](\d{7})$/i.exec(value);
  if (match?.[1] === undefined) return false;
  const digits = Array.from(match[1], Number);
  const at = (index: number): number => digits[index] ?? 0;
  return (at(0) + at(2) + at(4) + 2 * (at(1) + at(3) + at(5))) % 10 === at(6);
}

/** CMS: positions are numeric, alphabetic without S L O I B Z, or either. */
const MBI =
  /^[1-9][AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[AC-HJKMNP-RT-Y][0-9AC-HJKMNP-RT-Y]\d[AC-HJKMNP-RT-Y]{2}\d{2}$/i;

function isMbi(value: string): boolean {
  return MBI.test(value.replace(/[\s-]/g, ""));
}

/** A day that exists, 1900 to 2099: ISO with or without its hyphens, month first or day first; dates with month names pass by their shape. */
function isCalendarDate(value: string): boolean {
  const iso = /^(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})$/.exec(value);
  if (iso !== null) return isDay(Number(iso[1]), Number(iso[2]), Number(iso[3]));
  const compact = /^(\d{4})(\d{2})(\d{2})$/.exec(value);
  if (compact !== null) return isDay(Number(compact[1]), Number(compact[2]), Number(compact[3]));
  const numeric = /^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})$/.exec(value);
  if (numeric !== null) {
    const [first, second, year] = [Number(numeric[1]), Number(numeric[2]), fullYear(numeric[3] ?? "")];
    return isDay(year, first, second) || isDay(year, second, first);
  }
  return /[a-z]{3}/i.test(value) && /\d/.test(value);
}

function fullYear(text: string): number {
  return text.length === 2 ? 2000 + Number(text) : Number(text);
}

function isDay(year: number, month: number, day: number): boolean {
  if (year < 1900 || year > 2099 || month < 1 || month > 12 || day < 1) return false;
  return day <= new Date(Date.UTC(year, month, 0)).getUTCDate();
}

/** GS1 General Specifications section 7.9: weights 3 and 1 from the right; the first 14 digits behind `(01)`. */
function isGtin(value: string): boolean {
  const digits = digitsOf(value.replace(/^\(01\)/, "")).slice(0, 14);
  if (digits.length !== 14) return false;
  const sum = Array.from(digits, Number).reduce((total, digit, i) => total + digit * (i % 2 === 0 ? 3 : 1), 0);
  return sum % 10 === 0 && isNotRepeated(digits);
}

/** LOINC Users' Guide, appendix C: the digit behind the hyphen makes a Luhn number of all. */
function isLoinc(value: string): boolean {
  return /^\d{1,7}-\d$/.test(value) && isLuhn(value);
}

/** Every part 0 to 255, and none of the addresses that say nothing of anybody. */
function isIpv4(value: string): boolean {
  const parts = value.split(".").map(Number);
  return parts.length === 4 && parts.every((part) => part <= 255) && parts[0] !== 0 && parts[0] !== 127;
}

/** FDA: labeller, product, package as 4-4-2, 5-3-2 or 5-4-1, or padded to 5-4-2. */
function isNdc(value: string): boolean {
  return /^(?:\d{4}-\d{4}-\d{2}|\d{5}-(?:\d{3}-\d{2}|\d{4}-\d{1,2})|\d{10,11})$/.test(value) && isNotRepeated(value);
}

function isIban(value: string): boolean {
  const text = value.replace(/\s/g, "").toUpperCase();
  if (!/^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$/.test(text)) return false;
  let remainder = 0;
  for (const character of `${text.slice(4)}${text.slice(0, 4)}`) {
    const code = /\d/.test(character) ? character : String(character.charCodeAt(0) - 55);
    for (const digit of code) remainder = (remainder * 10 + Number(digit)) % 97;
  }
  return remainder === 1;
}

function isAba(value: string): boolean {
  const digits = digitsOf(value);
  if (!/^(?:0\d|1[0-2]|2[1-9]|3[0-2]|6[1-9]|7[0-2]|80)\d{7}$/.test(digits)) return false;
  const sum = Array.from(digits, Number).reduce(
    (total, digit, index) => total + digit * ([3, 7, 1][index % 3] ?? 0),
    0,
  );
  return sum % 10 === 0;
}

const VIN_VALUES = "0123456789.ABCDEFGH..JKLMN.P.R..STUVWXYZ";
const VIN_WEIGHTS = [8, 7, 6, 5, 4, 3, 2, 10, 0, 9, 8, 7, 6, 5, 4, 3, 2];

function isVin(value: string): boolean {
  const text = value.toUpperCase();
  if (!/^[A-HJ-NPR-Z0-9]{17}$/.test(text)) return false;
  const sum = Array.from(text).reduce(
    (total, character, index) => total + (VIN_VALUES.indexOf(character) % 10) * (VIN_WEIGHTS[index] ?? 0),
    0,
  );
  return text[8] === "0123456789X"[sum % 11];
}

/** NANP: area and exchange begin with 2 to 9 and are no service codes; 555-01xx is kept, examples are not. */
function isUsPhone(value: string): boolean {
  const digits = digitsOf(value).replace(/^1(?=\d{10})/, "");
  return /^[2-9](?!11)\d{2}[2-9](?!11)\d{6}/.test(digits) && digits.length >= 10;
}

function hasDigit(value: string): boolean {
  return /\d/.test(value);
}

/** Three digits or more, so that a word or a year's tail is no number. */
function hasThreeDigits(value: string): boolean {
  return digitsOf(value).length >= 3;
}

function isNotRepeated(value: string): boolean {
  const text = value.replace(/[^A-Za-z0-9]/g, "");
  return !/^(.)\1*$/.test(text);
}

/** The first day of 1900, written as a date: 1011900 may be anybody's number. */
const PLACEHOLDER_DATE =
  /^(?:0?1[-/.]0?1[-/.]1900|1900[-/.]0?1[-/.]0?1|19000101|jan[a-z]*\.? 0?1(?:st)?,? 1900|0?1(?:st)? (?:of )?jan[a-z]*\.?,? 1900)$/i;

/** `0000000`, `TEST000017`, `XXX123`, 1 January 1900: what stands where a value would, in tests and examples. */
function isNotPlaceholder(value: string): boolean {
  const text = value.replace(/[^A-Za-z0-9]/g, "");
  if (/test|sample|dummy|xxx/i.test(text) || /^0{4,}\d{0,2}$/.test(text)) return false;
  return isNotRepeated(text) && !PLACEHOLDER_DATE.test(value);
}

function isNotDate(value: string): boolean {
  return !(/^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}$/.test(value) && isCalendarDate(value));
}

export const VALIDATORS = {
  us_ssn: isSsn,
  us_mbi: isMbi,
  us_npi: isNpi,
  us_dea: isDea,
  us_phone: isUsPhone,
  card: isCard,
  luhn: isLuhn,
  iban: isIban,
  aba: isAba,
  vin: isVin,
  gtin: isGtin,
  loinc: isLoinc,
  ndc: isNdc,
  ipv4: isIpv4,
  date: isCalendarDate,
  has_digit: hasDigit,
  three_digits: hasThreeDigits,
  not_repeated: isNotRepeated,
  not_date: isNotDate,
  not_placeholder: isNotPlaceholder,
} as const satisfies Readonly<Record<string, Validator>>;

export type ValidatorName = keyof typeof VALIDATORS;
export const VALIDATOR_NAMES = Object.keys(VALIDATORS) as readonly ValidatorName[];

/** Shapes of the built-in `validator` detectors: where their check makes sense without a label. */
export const VALIDATOR_SHAPES = {
  us_ssn: "\\b\\d{3}[- ]\\d{2}[- ]\\d{4}\\b",
  us_mbi: "\\b[1-9][A-Z][A-Z0-9]\\d-?[A-Z][A-Z0-9]\\d-?[A-Z]{2}\\d{2}\\b",
  card: "\\b\\d{4}[- ]?\\d{4,6}[- ]?\\d{4,5}(?:[- ]?\\d{1,4})?\\b",
  iban: "\\b[A-Z]{2}\\d{2} ?[A-Z0-9]{4}(?: ?[A-Z0-9]{4}){2,6}(?: ?[A-Z0-9]{1,3})?\\b",
  vin: "\\b[A-HJ-NPR-Z0-9]{17}\\b",
  us_phone: "(?:\\+?1[-. ])?(?:\\(\\d{3}\\) ?|\\b\\d{3}[-. ])\\d{3}[-. ]\\d{4}\\b",
} as const satisfies Readonly<Partial<Record<ValidatorName, string>>>;

export type ShapedValidatorName = keyof typeof VALIDATOR_SHAPES;
export const SHAPED_VALIDATOR_NAMES = Object.keys(VALIDATOR_SHAPES) as readonly ShapedValidatorName[];
