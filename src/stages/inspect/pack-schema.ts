/**
 * The shape of a rule pack file (docs/dlp-rules.md). Strict: what is not named here is refused.
 * Leaves to pack-file.ts what one value cannot say alone: references, patterns, windows, inline tests.
 */
import { z } from "zod";
import { PROFILES } from "../../core/policy.ts";
import { EDM_FIELDS, LONE_FIELDS } from "../../parts/edm/edm-fields.ts";
import type { ColumnKind } from "../../parts/edm/edm-fields.ts";
import { MARKED_PLACES, TEXT_PLACES } from "./text-places.ts";
import { SHAPED_VALIDATOR_NAMES, VALIDATOR_NAMES } from "./validators.ts";

const ID = /^[a-z][a-z0-9]*(?:[._-][a-z0-9]+)*$/;
const id = z.string().max(80).regex(ID, "an id is lower case: letters, digits, and single . _ - between them");
const className = z.string().max(40).regex(ID, "a class is lower case: letters, digits, and single . _ - between them");
const text = z.string().min(1).max(20_000);
const word = z.string().trim().min(1).max(120);
const confidence = z.int().min(0).max(100);
const withinChars = z.int().min(1).max(2_000);

const near = z.strictObject({
  words: z.array(word).min(1).max(200),
  within: z.int().min(1).max(500),
  side: z.enum(["before", "after", "both"]).default("both"),
});

const rung = z.strictObject({
  level: confidence.optional(),
  adjust: z.int().min(-40).max(25).optional(),
  near: near.optional(),
});

const detectorTests = z.strictObject({
  match: z
    .array(z.union([text, z.strictObject({ text, value: text.optional(), level: confidence.optional() })]))
    .max(200)
    .default([]),
  no_match: z.array(text).max(200).default([]),
});

const shared = {
  id,
  classes: z.array(className).max(8).default([]),
  weight: z.int().min(0).max(10).default(1),
  confidence: z.array(rung).min(1).max(20).optional(),
  tests: detectorTests.optional(),
};
const caseRule = z.enum(["sensitive", "insensitive"]).default("insensitive");
const validate = z.array(z.enum(VALIDATOR_NAMES)).max(8).default([]);
const filePath = z.string().min(1).max(500);
const among = z.strictObject({ file: filePath, first: z.int().min(1).max(40).optional() }).optional();
/** Where the words of a list come from, and who may pass them on. */
const origin = { source: z.string().min(1).max(500).optional(), licence: z.string().min(1).max(200).optional() };

const regexDetector = z.strictObject({
  ...shared,
  type: z.literal("regex"),
  pattern: z.string().min(1),
  case: caseRule,
  keywords: z.array(word).max(200).default([]),
  validate,
  among,
});

const labelDetector = z.strictObject({
  ...shared,
  type: z.literal("label_id"),
  labels: z.array(word).min(1).max(200),
  value: z.string().min(1),
  case: caseRule,
  side: z.enum(["before", "after", "both"]).default("after"),
  gap: z.int().min(1).max(80).default(20),
  validate,
  among,
});

const dictionaryDetector = z.strictObject({
  ...shared,
  ...origin,
  type: z.literal("dictionary"),
  terms: z.array(word).min(1).max(50_000).default([]),
  file: filePath.optional(),
  case: caseRule,
  plurals: z.boolean().default(true),
});

const endingDetector = z.strictObject({
  ...shared,
  ...origin,
  type: z.literal("word_ending"),
  endings: z
    .array(z.string().regex(/^[a-z]{3,12}$/, "an ending is 3 to 12 lower-case letters"))
    .min(1)
    .max(500),
  letters_min: z.int().min(4).max(20).default(7),
  not: z
    .array(z.string().regex(/^[a-z]+$/, "a word of lower-case letters"))
    .max(1_000)
    .default([]),
});

const validatorDetector = z.strictObject({
  ...shared,
  type: z.literal("validator"),
  validator: z.enum(SHAPED_VALIDATOR_NAMES),
});

const nameDetector = z.strictObject({
  ...shared,
  ...origin,
  type: z.literal("name"),
  given_names: z.array(word).min(1).max(50_000).default([]),
  /** More given names. */
  file: filePath.optional(),
  labels: z.array(word).max(200).default([]),
  not_surnames: z.array(word).max(2_000).default([]),
});

const cell = z.string().min(1).max(200).optional();
const samplePatient = z.strictObject({
  given_name: cell,
  surname: cell,
  name: cell,
  birth_date: cell,
  mrn: cell,
  ssn: cell,
  member_id: cell,
  account: cell,
  email: cell,
  phone: cell,
  address: cell,
  zip: cell,
} satisfies Readonly<Record<ColumnKind, unknown>>);

const edmDetector = z.strictObject({
  ...shared,
  type: z.literal("edm"),
  index: z.string().min(1).max(63),
  fields: z.array(z.enum(EDM_FIELDS)).min(1).max(EDM_FIELDS.length).optional(),
  min_fields: z.int().min(2).max(9).default(2),
  within: z.int().min(20).max(400).default(200),
  alone: z.array(z.enum(LONE_FIELDS)).max(LONE_FIELDS.length).default([]),
  sample: z.array(samplePatient).max(20).default([]),
});

const shapeDetector = z.strictObject({
  ...shared,
  type: z.literal("name_shape"),
  labels: z.array(word).max(200).default([]),
  not_names: z.array(word).max(5_000).default([]),
  /** More words that are no name. */
  file: filePath.optional(),
});

const patterns = z.array(z.string().min(1).max(320)).min(1).max(1_000);

const senderDetector = z.strictObject({
  ...shared,
  type: z.literal("sender"),
  addresses: patterns.optional(),
  list_ids: patterns.optional(),
  words: z.array(word).min(1).max(1_000).optional(),
});

const weighedDetector = z.strictObject({
  ...shared,
  type: z.literal("weighed"),
  /** A list of weights. */
  file: filePath,
});

const detector = z.discriminatedUnion("type", [
  regexDetector,
  labelDetector,
  dictionaryDetector,
  endingDetector,
  validatorDetector,
  nameDetector,
  edmDetector,
  senderDetector,
  shapeDetector,
  weighedDetector,
]);

const places = z.array(z.enum(TEXT_PLACES)).min(1).max(TEXT_PLACES.length).optional();

/** One object for every kind of condition: which keys may stand together is checked in compile-rules.ts. */
const condition = z.strictObject({
  get all() {
    return z.array(condition).min(1).max(20).optional();
  },
  get any() {
    return z.array(condition).min(1).max(20).optional();
  },
  get not() {
    return condition.optional();
  },
  any_of: z.array(id).min(1).max(100).optional(),
  class: className.optional(),
  min_confidence: confidence.optional(),
  distinct: z.int().min(1).max(10_000).optional(),
  distinct_terms: z.int().min(1).max(1_000).optional(),
  weight: z.int().min(1).max(1_000).optional(),
  within: withinChars.optional(),
  scope: places,
  not_in: places,
});

const named = { any_of: z.array(id).min(1).max(100).optional(), classes: z.array(className).min(1).max(20).optional() };

/** What does not count where it stands in such a place. */
const suppression = z.strictObject({
  id,
  description: z.string().max(500).optional(),
  ...named,
  not_in: z.array(z.enum(MARKED_PLACES)).min(1).max(MARKED_PLACES.length),
  unless: z.strictObject({ ...named, min_confidence: confidence.optional() }).optional(),
});

/** Who writes to whom: all keys of an entry must fit. */
const between = z
  .array(
    z.strictObject({
      senders: patterns.optional(),
      recipients: patterns.optional(),
      /** The older word for `recipients`. */
      recipients_in: patterns.optional(),
    }),
  )
  .min(1)
  .max(20);

const tagWord = z
  .string()
  .regex(
    /^[A-Za-z0-9](?:[A-Za-z0-9 ._/-]{0,62}[A-Za-z0-9])?$/,
    "a tag is 1 to 64 letters, digits, spaces and . _ / - and begins and ends with a letter or digit",
  );

const oneAction = z.union([
  z.enum(["pass", "tag", "protect", "content", "portal", "hold", "refuse", "notify", "copy"]),
  z.strictObject({ protect: z.enum(PROFILES).exclude(["opportunistic"]) }),
  z.strictObject({ tag: tagWord }),
  z.strictObject({ notify: z.enum(["sender", "reviewers"]) }),
]);

const rule = z.strictObject({
  id,
  description: z.string().max(500).optional(),
  status: z.enum(["active", "shadow", "off"]).default("active"),
  tier: z.enum(["low", "high"]).default("low"),
  when: condition,
  /** For every condition that has none of its own. */
  scope: places,
  not_in: places,
  only: between.optional(),
  except: between.optional(),
  action: z.union([oneAction, z.array(oneAction).min(1).max(8)]),
});

const packTest = z.strictObject({
  from: text.optional(),
  list_id: text.optional(),
  subject: text.optional(),
  text: text.optional(),
  expect: z.array(id).max(100),
});

export const packSchema = z.strictObject({
  version: z.literal(1),
  pack: id,
  description: z.string().max(2_000).optional(),
  ...origin,
  extends: filePath.optional(),
  without: z.array(id).min(1).max(500).default([]),
  detectors: z.array(detector).min(1).max(1_000).default([]),
  rules: z.array(rule).min(1).max(1_000).default([]),
  suppress: z.array(suppression).min(1).max(50).default([]),
  tests: z.array(packTest).max(5_000).default([]),
});

export type PackFile = z.output<typeof packSchema>;
export type DetectorEntry = PackFile["detectors"][number];
export type DetectorTests = z.output<typeof detectorTests>;
export type NearEntry = z.output<typeof near>;
export type RuleEntry = PackFile["rules"][number];
export type SuppressionEntry = PackFile["suppress"][number];
export type ConditionEntry = z.output<typeof condition>;
export type BetweenEntry = z.output<typeof between>;
export type ActionEntry = z.output<typeof oneAction>;
