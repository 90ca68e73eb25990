/**
 * The JSON Schema of a rule pack, for editors: made from pack-schema.ts, with a sentence on each key (docs/dlp-rules.md).
 * Promises: says what the schema says, whatever is added to it. Leaves to the loader what one value cannot say alone.
 */
import { z } from "zod";
import { COLUMN_KINDS } from "../../parts/edm/edm-fields.ts";
import { packSchema } from "./pack-schema.ts";

/**
 * What editors show beside a key. `detectors.weight` speaks for a key below one of that name only; a detector's keys may also stand
 * below its type.
 */
const KEY_HELP: Readonly<Record<string, string>> = {
  version: "Version of the format: 1.",
  pack: "Name of the pack: lower case, such as my-clinic. Findings and the audit name it.",
  description: "For people: what it is for.",
  extends: "A pack this one is laid over, both judged as one: its path, relative to this file.",
  without: "Ids of detectors and rules of the extended pack to leave out.",
  source: "Where the words of the lists come from.",
  licence: "Under which licence they may be passed on.",
  file: "A list built by `postern dlp dict build`: its path, relative to this file.",
  among: "Only values that stand in a list of codes count, compared by their letters and digits.",
  first: "Compares only so many characters of code and value.",
  detectors: "What finds things in a text. Every detector must be read by a rule, by its id or a class.",
  rules: "Which things together make a mail need protection.",
  tests:
    "Texts with the rules that must hold for them, all of them and no other. A pack whose tests fail does not load.",
  "detectors.tests": "Texts the detector must and must not find something in. A pack whose tests fail does not load.",
  id: "Unique in the pack: lower case, digits and . _ - between them. Findings, explain and the audit name it.",
  type: "How it finds: label_id (a value beside a label), regex, dictionary, word_ending, validator, name, edm (your own patients), sender.",
  classes: "Free words rules refer to with `class`, such as identifier or health.",
  weight: "How much one hit counts towards `weight` in rules: 0 to 10, default 1.",
  "rules.weight": "Enough when the weights of the different values found add up to this.",
  confidence:
    "How sure a hit is, 0 to 100: the highest level whose words are near, then the adjustments. Without it the type decides.",
  level: "Confidence reached, with the words of `near` near by, or always where there is no `near`.",
  adjust: "Raises or lowers the confidence where the words of `near` are near: at most +25 and -40 together.",
  near: "Whole words that must stand near the hit.",
  words: "Whole words or phrases, in any case.",
  "near.within": "Characters between the hit and the words, at most.",
  side: "Where to look from here: before, after or both.",
  match: "Texts the detector must find something in; with `value` what, with `level` how sure.",
  no_match: "Texts the detector must find nothing in.",
  "match.text": "The text looked at.",
  "match.value": "What must be found in it.",
  "match.level": "The confidence it must have.",
  pattern:
    "Regular expression without *, + and {n,}: write a bound, such as {1,40}. A group (?<value>...) marks the value.",
  case: "Whether capitals matter; default insensitive.",
  keywords: "Looks only into texts that hold one of these whole words: quick, and rarer false alarms.",
  validate: "Checks a found value must pass, such as luhn or not_date.",
  labels: "Words that stand beside the value, such as MRN. Written as one word they count too: patientId.",
  "name.labels": "Words before a name that make it sure, such as patient.",
  value: "Regular expression of the value beside the label.",
  gap: "Characters between label and value, at most; default 20.",
  terms: "Whole words and phrases of up to 8 words.",
  plurals: "Finds the plural of each term too; default true.",
  endings: "Word endings of 3 to 12 lower-case letters, such as itis.",
  letters_min: "Shortest word looked at; default 7.",
  not: "What must not hold.",
  "word_ending.not": "Words that only look so.",
  addresses: "Addresses in From or Sender: nurse@example.org, example.org, .example.org (all below it).",
  list_ids: "What List-Id names: news.example.org, or .example.org (all below it).",
  "sender.words":
    "Whole words or phrases in what the sender or its list is called: before the @, beside the address, before the list's first dot.",
  validator: "A built-in shape with its check, such as us_ssn.",
  given_names: "First names, beside a file of them or instead of it.",
  index: "Name of an index under `dlp.edm` of postern.yaml, built with `postern dlp edm build`.",
  fields: "What of a patient is sought; default: all the index holds but the surname alone.",
  min_fields: "Different things of one patient that must stand together; default 2.",
  "edm.within": "Characters in which they all stand, at most; default 200.",
  alone: "Fields one value of which is enough, such as ssn. Never a name, a date, an address.",
  sample: "Invented patients, whom alone the tests of the pack know.",
  ...Object.fromEntries(
    COLUMN_KINDS.map((kind) => [`sample.${kind}`, "As a cell of this kind would stand in the CSV."]),
  ),
  "name_shape.labels": "Relations: one capitalised word after them is a name, as in: my son Kwame.",
  not_names: "Capitalised words that are no name.",
  not_surnames: "Words that are no surname although they look like one.",
  status: "active; shadow: checked, tested and recorded, never acted on; off.",
  tier: "low or high: high asks for the stricter floor of the policy.",
  when: "The condition: exactly one of any_of, class, all, any, not.",
  all: "All of these hold. The first one is what `within` of the others measures from.",
  any: "At least one of these holds.",
  any_of: "Ids of detectors.",
  class: "A class of detectors.",
  min_confidence: "Counts only hits at least as sure as this, 0 to 100.",
  distinct: "Enough when so many different values were found.",
  distinct_terms: "The same as distinct, said of dictionaries.",
  "rules.within": "Characters from a hit of the first condition of the same `all`, on both sides, at most.",
  scope: "Places where a hit counts; default everywhere. At a rule: for every condition without a scope of its own.",
  not_in:
    "Places where a hit does not count, such as footer. At a rule: for every condition without a not_in of its own.",
  suppress: "What counts for no rule where it stands in a signature, a footer, a blank form or a quoted tail.",
  unless: "It counts all the same where one of these stands in the same signature, footer, form or tail.",
  "suppress.any_of": "Ids of detectors whose hits do not count there.",
  "suppress.classes": "Classes of detectors whose hits do not count there.",
  "suppress.not_in": "The places: quoted, signature, footer, form.",
  "unless.any_of": "Ids of detectors.",
  "unless.classes": "Classes of detectors.",
  only: "The rule concerns only mail between these: one entry must fit, with all its keys.",
  except: "The rule spares mail between these: one entry must fit, with all its keys.",
  senders: "Envelope senders: nurse@example.org, example.org, .example.org (all below it), <> (the null sender).",
  recipients: "Recipients: desk@example.org, example.org, .example.org (all below it).",
  recipients_in: "The older word for recipients.",
  action:
    "One or a list: pass (only counts), protect, { protect: floor }, content, portal, hold (for review), refuse; beside them tag, notify, copy.",
  protect: "At least this floor: minimum, standard, strict, content or portal.",
  tag: "Word of a header field that marks the copy.",
  notify: "Who is told that the message was flagged: sender or reviewers.",
  from: "From of the mail.",
  list_id: "List-Id of the mail.",
  "tests.subject": "Subject of the mail.",
  "tests.text": "Body of the mail.",
  expect: "Ids of the rules that must hold; [] where none may.",
};

type Schema = {
  [key: string]: unknown;
  properties?: Record<string, Schema>;
  definitions?: Record<string, Schema>;
  items?: Schema;
  anyOf?: Schema[];
  oneOf?: Schema[];
  description?: string;
};

export function packJsonSchema(): Readonly<Record<string, unknown>> {
  const schema = z.toJSONSchema(packSchema, { io: "input", target: "draft-7", unrepresentable: "any" }) as Schema;
  describeKeys(schema, []);
  const { $schema, ...rest } = schema;
  return { $schema, title: "Rule pack of Postern", ...rest };
}

/** Every key of the schema without a sentence of its own. */
export function keysWithoutHelp(): readonly string[] {
  return describeKeys(packJsonSchema(), []);
}

/** `above`: keys and detector types on the way, the nearest last. Returns the keys nothing is said of. */
function describeKeys(schema: Schema, above: readonly string[]): readonly string[] {
  const type = schema.properties?.["type"]?.["const"];
  const here = typeof type === "string" ? [...above, type] : above;
  const silent = Object.entries(schema.properties ?? {}).flatMap(([key, value]) => {
    const help = helpFor(key, here);
    if (help !== null) value.description ??= help;
    return [...(help === null ? [[...here, key].join(".")] : []), ...describeKeys(value, [...here, key])];
  });
  // What refers to itself stands apart: the conditions of rules.
  const apart = Object.values(schema.definitions ?? {});
  const branches = [
    ...(schema.items === undefined ? [] : [schema.items]),
    ...(schema.anyOf ?? []),
    ...(schema.oneOf ?? []),
  ];
  return [
    ...silent,
    ...apart.flatMap((each) => describeKeys(each, ["rules", "when"])),
    ...branches.flatMap((each) => describeKeys(each, here)),
  ];
}

function helpFor(key: string, above: readonly string[]): string | null {
  const nearest = above.toReversed().find((name) => `${name}.${key}` in KEY_HELP);
  return KEY_HELP[nearest === undefined ? key : `${nearest}.${key}`] ?? null;
}
