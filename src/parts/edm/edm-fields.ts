/**
 * The fields of a patient that an exact-data-match index holds, and what each may prove.
 * Promises: a field that is common (a name, a date, a ZIP code)
 * is not among those that may count alone. Pure.
 */

export const EDM_FIELDS = [
  "name",
  "surname",
  "birth_date",
  "mrn",
  "ssn",
  "member_id",
  "account",
  "email",
  "phone",
  "address",
  "zip",
] as const;
export type EdmField = (typeof EDM_FIELDS)[number];

/** Fields that identify by themselves, where a pack says so. */
export const LONE_FIELDS = [
  "mrn",
  "ssn",
  "member_id",
  "account",
  "email",
  "phone",
] as const satisfies readonly EdmField[];
/** Numbers somebody assigned: how many of the possible ones are taken decides whether one counts alone. */
export const NUMBER_FIELDS = ["mrn", "member_id", "account"] as const satisfies readonly EdmField[];

/** What a column of a CSV may be said to hold. */
export const COLUMN_KINDS = ["given_name", ...EDM_FIELDS] as const;
export type ColumnKind = (typeof COLUMN_KINDS)[number];

/** A surname is a piece of the name, a ZIP code of the address: both together are one thing known of a person, not two. */
const GROUPS: Readonly<Record<EdmField, number>> = {
  name: 0,
  surname: 0,
  birth_date: 1,
  mrn: 2,
  ssn: 3,
  member_id: 4,
  account: 5,
  email: 6,
  phone: 7,
  address: 8,
  zip: 8,
};

const BITS = Object.fromEntries(EDM_FIELDS.map((field, number) => [field, 1 << number])) as Readonly<
  Record<EdmField, number>
>;

/** The field as a set of one. */
export function fieldBit(field: EdmField): number {
  return BITS[field];
}

/** The bit of what the field says of a person. */
export function groupBit(field: EdmField): number {
  return 1 << GROUPS[field];
}

export function fieldSet(fields: readonly EdmField[]): number {
  return fields.reduce((set, field) => set | BITS[field], 0);
}

export function hasField(set: number, field: EdmField): boolean {
  return (set & BITS[field]) !== 0;
}

/** What a column fills: names fill the surname too. */
export function fieldsOfKinds(kinds: Iterable<ColumnKind>): readonly EdmField[] {
  const filled = new Set<EdmField>();
  const given = new Set(kinds);
  for (const kind of given) if (kind !== "given_name") filled.add(kind);
  if (given.has("name")) filled.add("surname");
  if (given.has("given_name") && given.has("surname")) filled.add("name");
  return EDM_FIELDS.filter((field) => filled.has(field));
}

const HEADINGS: Readonly<Record<ColumnKind, readonly string[]>> = {
  given_name: ["first", "firstname", "givenname", "given", "fname", "forename"],
  surname: ["last", "lastname", "surname", "familyname", "lname"],
  name: ["name", "fullname"],
  birth_date: ["dob", "birthdate", "dateofbirth", "birthday", "born"],
  mrn: ["mrn", "medicalrecordnumber", "medicalrecord", "recordnumber", "chartnumber", "chartno", "chart", "id"],
  ssn: ["ssn", "socialsecurity", "socialsecuritynumber", "socialsecurityno"],
  member_id: ["memberid", "membernumber", "subscriberid", "insuranceid", "policynumber", "mbi", "medicareid", "planid"],
  account: ["account", "accountnumber", "accountno", "acct", "acctno"],
  email: ["email", "emailaddress", "mail"],
  phone: [
    "phone",
    "phonenumber",
    "telephone",
    "tel",
    "mobile",
    "mobilephone",
    "cell",
    "cellphone",
    "homephone",
    "workphone",
  ],
  address: ["address", "address1", "addressline1", "street", "streetaddress", "homeaddress"],
  zip: ["zip", "zipcode", "postalcode", "postcode"],
};

/** What a heading says its column holds; null where it says nothing known. */
export function kindOfHeading(heading: string): ColumnKind | null {
  const plain = heading.toLowerCase().replace(/[^a-z0-9]/g, "");
  const bare = plain.replace(/^(?:patient|pt|member(?!id|number))(?=.)/, "");
  return COLUMN_KINDS.find((kind) => HEADINGS[kind].includes(plain) || HEADINGS[kind].includes(bare)) ?? null;
}
